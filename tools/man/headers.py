# SPDX-License-Identifier: GPL-2.0-only
"""
The public headers, as blocks: a comment and what is declared below it.

A declaration without a comment belongs to the block of that function above it, of the
same heading, whose name begins with most of the same words; the first of equals. A macro
without one belongs to the block whose comment shows it.
"""
import re

HEADING = re.compile(r'/\* -+ (.+?) -+ \*/$')
FUNCTION = re.compile(r'([\w ]+?[ *]+)(shs_\w+)\((.*)\)$', re.S)
ERRORS = re.compile(r'\s*(-E[A-Z0-9]+(?:, -E[A-Z0-9]+)*)(?:\t\s*| {2,}|$)(.*)')
ITEM = re.compile(r'( {2,}[^\t]+|\S[^\t]*)\t+(.*)')
# What is there for compilers.
NOISE = re.compile(r'#(if|endif|include|undef)|#define SHSTATE_\w+_H$|extern "C"|}$|struct \w+;$')


class Function:
    def __init__(self, declaration):
        match = FUNCTION.match(' '.join(declaration.split()).rstrip(';'))
        self.type = re.sub(r'^(static|inline|extern| )+', '', match.group(1)).strip()
        self.name = match.group(2)
        self.arguments = split_arguments(match.group(3))


class Block:
    """elements: see elements(); code: what is declared besides functions."""

    def __init__(self, heading, comment):
        self.heading = heading
        self.elements = elements(comment)
        self.functions = []
        self.code = []


def split_arguments(text):
    """At the commas that are in no parentheses."""
    return re.split(r', (?![^(]*\))', text)


def comment_lines(comment):
    inside = comment.strip()[2:-2].split('\n')
    lines = [re.sub(r'^ \* ?', '', line, count=1) for line in inside]
    return [line.rstrip() for line in lines]


def elements(comment):
    """A comment as pairs: ('text', words), ('code', lines), ('items', [[term, words]]) and
    ('errors', [[names, words]])."""
    result = []
    after_blank = True

    def add(kind, value):
        if after_blank or not result or result[-1][0] != kind:
            result.append((kind, []))
        result[-1][1].append(value)

    for line in comment_lines(comment):
        if not line:
            # A list goes on over blank lines, text does not.
            after_blank = bool(result) and result[-1][0] == 'text'
            if result and result[-1][0] == 'code':
                result[-1][1].append('')
            continue
        last = result[-1] if result else ('', [])
        error, item = ERRORS.match(line), ITEM.match(line)
        if error:
            add('errors', list(error.groups()))
        elif line.startswith('\t') and last[0] in ('errors', 'items') and not after_blank:
            last[1][-1][1] += ' ' + line.strip()
        elif line.startswith('\t'):
            add('code', line.expandtabs(8)[8:])
        elif item:
            add('items', [item.group(1).strip(), item.group(2)])
        else:
            add('text', line.strip())
        after_blank = False
    return [(kind, ' '.join(value) if kind == 'text' else
             strip_blank(value) if kind == 'code' else value) for kind, value in result]


def strip_blank(lines):
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def chunks(path):
    """The header as comments, headings and paragraphs of code, in order."""
    with open(path, encoding='utf-8') as header:
        lines = header.read().split('\n')
    i = 0
    while i < len(lines):
        begin, line = i, lines[i]
        i += 1
        if line.startswith('/*'):
            while '*/' not in lines[i - 1]:
                i += 1
            yield 'comment', '\n'.join(lines[begin:i])
        elif line.startswith('static inline'):
            while lines[i - 1] != '}':
                i += 1
            body = lines.index('{', begin)
            yield 'code', '\n'.join(lines[begin:body]) + ';'
        elif line and not NOISE.match(line):
            while lines[i] and not lines[i].startswith('/*'):
                i += 1
            yield 'code', '\n'.join(lines[begin:i])
        elif not line:
            yield 'blank', ''


def statements(code):
    """Functions one by one, everything else together."""
    rest = []
    for statement in re.split(r'(?<=;)\n(?=\S)', code):
        if FUNCTION.match(' '.join(statement.split()).rstrip(';')) and \
                not statement.startswith(('typedef', '#', '\t')):
            yield Function(statement), None
        elif not NOISE.match(statement):
            rest.append(statement)
    if rest:
        yield None, '\n'.join(rest)


def nearest(blocks, heading, name):
    words = name.split('_')
    best, most = None, 0
    for block in blocks:
        for function in block.functions:
            other = function.name.split('_')
            alike = 0
            while alike < min(len(words), len(other)) and words[alike] == other[alike]:
                alike += 1
            if block.heading == heading and alike > most:
                best, most = block, alike
    return best


def shows(block, macro):
    return any(kind == 'code' and any(macro + '(' in line for line in value)
               for kind, value in block.elements)


def showing(blocks, code):
    macro = re.match(r'#define (shs_\w+)', code)
    found = [block for block in blocks if macro and shows(block, macro.group(1))]
    return found[0] if found else None


def read(path):
    """The comment that opens the header, and its blocks."""
    opening, comment, heading, blocks = None, None, '', []
    for kind, text in chunks(path):
        if kind == 'comment' and 'SPDX' in text:
            continue
        if kind == 'comment' and HEADING.match(text):
            heading, comment = HEADING.match(text).group(1), None
        elif kind == 'comment' and not opening:
            opening = text
        elif kind == 'comment':
            comment = text
        elif kind == 'blank':
            comment = None
        else:
            place(blocks, heading, comment, text)
            comment = None
    return elements(opening), blocks


def place(blocks, heading, comment, code):
    block = Block(heading, comment) if comment else None
    for function, other in statements(code):
        target = block
        if not target:
            target = nearest(blocks, heading, function.name) if function else \
                showing(blocks, other)
        if not target:
            target = block = Block(heading, '/**/')
        if function:
            target.functions.append(function)
        else:
            target.code.append(other)
    if block:
        blocks.append(block)
