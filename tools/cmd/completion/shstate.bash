# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of shstate for bash. Commands and options are those of its help, names those
# of the objects that there are.

# The words before the cursor: sets folder (options for shstate itself), command, and
# count, of operands after it.
_shstate_words() {
	local i word
	folder=() command='' count=0
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [ -z "$command" ]; then
			case $word in
			-d | --dir) folder=(-d "${COMP_WORDS[++i]}") ;;
			-*) ;;
			*) command=$word ;;
			esac
		elif [[ $word != -* ]]; then
			count=$((count + 1))
		fi
	done
}

_shstate_names() { shstate "${folder[@]}" ls --raw --noheadings -o NAME 2>/dev/null; }

_shstate_options() {
	shstate ${command:+"$command"} --help 2>/dev/null |
		grep -oE -e '--?[a-zA-Z][a-z-]*' | sort -u
}

_shstate() {
	local folder command count current=${COMP_WORDS[COMP_CWORD]} words=
	_shstate_words
	COMPREPLY=()
	case $current in
	-*) words=$(_shstate_options) ;;
	*)
		case $command:$count in
		:*) words=$(shstate --help | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p') ;;
		create:1) words='atomic counter mutex rwlock condvar once cell semaphore barrier' ;;
		lock:[1-9]* | freeze:[1-9]*)
			mapfile -t COMPREPLY < <(compgen -c -- "$current")
			return ;;
		save:0 | restore:* | create:* | doctor:*) ;;
		*) words=$(_shstate_names) ;;
		esac ;;
	esac
	[ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _shstate shstate
