# SPDX-License-Identifier: GPL-2.0-only
"""Plain text as mdoc(7), and the frame of a page."""
import datetime
import os
import re

WIDTH = 76

# What is marked in running text: the word without punctuation, and its macro.
MARKUP = (
    (re.compile(r'(\w+)\(\)'), 'Fn'),
    (re.compile(r'(-E[A-Z0-9]{2,})'), 'Er'),
    (re.compile(r'(SHSTATE_[A-Z]+)'), 'Ev'),
    (re.compile(r'([A-Z]+_[A-Z0-9_]+)'), 'Dv'),
    (re.compile(r'(/(?:dev|proc|run|etc|var)(?:/[\w.]+)*)'), 'Pa'),
    (re.compile(r'(shstate|libshstate|shs_\w+)\((\d)\)'), 'Xr'),
)


def escaped(text):
    text = text.replace('\\', '\\e').replace('--', '\\-\\-')
    return '\\&' + text if text.startswith(('.', "'")) else text


def argument(text):
    """An argument of a macro, which delimiters alone would not be."""
    text = re.sub(r'^-', r'\\-', text.replace('\\', '\\e').replace('"', '""'))
    return '"%s"' % text if ' ' in text or not text else text


def marked(word):
    """A word as a line with a macro, or None."""
    prefix = re.match(r'[(\["]*', word).group()
    rest = word[len(prefix):]
    for pattern, macro in MARKUP:
        match = pattern.match(rest)
        if not match:
            continue
        tail = rest[match.end():]
        if re.match(r'[\w/*]', tail):
            return None
        line = '%s %s' % (macro, ' '.join(argument(group) for group in match.groups()))
        if prefix:
            line = 'Pf %s %s' % (argument(prefix), line)
        if re.fullmatch(r'[.,;:)\]?!]*', tail):
            return ' '.join(['.' + line, *tail])
        return '.%s Ns %s' % (line, argument(tail))
    return None


def text(paragraph):
    """Lines of mdoc: a sentence a line at most, what has a macro on a line of its own."""
    lines, current = [], ''

    def end():
        nonlocal current
        if current:
            lines.append(escaped(current))
        current = ''

    for word in paragraph.split():
        line = marked(word)
        if line:
            end()
            lines.append(line)
            continue
        if current and len(current) + 1 + len(word) > WIDTH:
            end()
        current = current + ' ' + word if current else word
        if re.search(r'[.!?]["\')]*$', word):
            end()
    end()
    return lines


def heading(word):
    """A word at the head of an item of a list."""
    line = marked(word)
    return line[1:] if line else 'Li ' + argument(word) if ' ' in word else argument(word)


def literal(lines):
    return ['.Bd -literal -offset indent', *map(escaped, lines), '.Ed']


def date(*sources):
    """That of the newest source, or of the build that is to be repeated."""
    seconds = os.environ.get('SOURCE_DATE_EPOCH')
    if seconds is None:
        seconds = max(os.path.getmtime(source) for source in sources)
    day = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return day.strftime('%B ') + '%d, %d' % (day.day, day.year)


def frame(title, section, day, source):
    return ['.\\" SPDX-License-Identifier: GPL-2.0-only',
            '.\\" Made from %s; change that.' % source,
            '.Dd ' + day, '.Dt %s %s' % (title.upper(), section), '.Os']


def see_also(pages):
    """Pages are pairs of a section and a name."""
    lines = ['.Xr %s %s' % (name, section) for section, name in sorted(set(pages))]
    return ['.Sh SEE ALSO', *(line + ' ,' for line in lines[:-1]), lines[-1]]


def write(folder, name, section, lines):
    folder = os.path.join(folder, 'man%s' % section)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, '%s.%s' % (name, section)), 'w', encoding='utf-8') as out:
        out.write('\n'.join(lines) + '\n')
