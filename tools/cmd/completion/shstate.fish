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

function __shstate_folder
    set -l words (commandline -opc)
    set -l at (contains -i -- -d $words; or contains -i -- --dir $words)
    if test -n "$at"
        echo $words[(math $at + 1)]
    else if set -q SHSTATE_DIR
        echo $SHSTATE_DIR
    else
        echo /dev/shstate
    end
end

# One that would be taken for an option is offered after "--" only.
function __shstate_names
    set -l folder (__shstate_folder)
    for path in $folder/*
        set -l name (string sub -s (math (string length -- $folder) + 2) -- $path | string collect)
        if contains -- -- (commandline -opc); or not string match -q -- '-*' $name
            printf '%s\0' $name
        end
    end
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
complete -c shstate -n __shstate_wants_name -a '(__shstate_names | string split0)'
complete -c shstate -n 'contains -- (__shstate_command) save restore lock freeze' -F
complete -c shstate -n 'contains -- create (__shstate_command)' -a 'atomic counter mutex rwlock condvar once cell semaphore barrier'
