# SPDX-License-Identifier: GPL-2.0-only
# Completion of shstate for fish. Commands and options are those of its help, names those
# of the objects that there are.

function __shstate_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case -d --dir
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return 0
        end
        set -e words[1]
    end
    return 1
end

function __shstate_names
    shstate ls --raw --noheadings -o NAME 2>/dev/null
end

function __shstate_options
    shstate (__shstate_command) --help 2>/dev/null | string match -arg -- '(?:^|[ ,])(--?[a-zA-Z][a-z-]*)' | sort -u
end

function __shstate_wants_name
    set -l command (__shstate_command)
    and not contains -- $command create restore doctor
end

complete -c shstate -f
complete -c shstate -n 'not __shstate_command' -a "(shstate --help | string match -rg '^  ([a-z]+  +[a-z].*)' | string replace -r ' +' \t)"
complete -c shstate -n 'string match -q -- "-*" (commandline -ct)' -a '(__shstate_options)'
complete -c shstate -n __shstate_wants_name -a '(__shstate_names)'
complete -c shstate -n 'contains -- (__shstate_command) save restore lock freeze' -F
complete -c shstate -n 'contains -- create (__shstate_command)' -a 'atomic counter mutex rwlock condvar once cell semaphore barrier'
