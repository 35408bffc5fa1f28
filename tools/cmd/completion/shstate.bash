# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of shstate for bash. Commands and options are those of its help, names those
# of the objects that there are.

# The words before the cursor: sets folder, command, count of operands after it, and
# options, which is empty after "--".
_shstate_words() {
	local i word
	folder=${SHSTATE_DIR:-/dev/shstate} command='' count=0 options=yes
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [ -z "$command" ]; then
			case $word in
			-d | --dir) folder=${COMP_WORDS[++i]} ;;
			-*) ;;
			*) command=$word ;;
			esac
		elif [[ $options && $word == -- ]]; then
			options=
		elif [[ -z $options || $word != -* ]]; then
			count=$((count + 1))
		fi
	done
}

# A name is what anybody called an object, so it is never expanded ("compgen -W" would) and
# goes into the line quoted. Within a quote that was begun only those that need none can.
_shstate_names() { # START
	local name quote=${1%"${1#[\'\"]}"} quoted
	for name in "$folder"/*; do
		[ -e "$name" ] || continue
		name=${name#"$folder"/}
		printf -v quoted %q "$name"
		[[ $name == "${1#"$quote"}"* || $quoted == "$1"* ]] &&
			[[ -z $quote || $quoted == "$name" ]] &&
			[[ -z $options || $name != -* ]] && COMPREPLY+=("$quoted")
	done
}

_shstate_options() {
	shstate ${command:+"$command"} --help 2>/dev/null |
		grep -oE -e '--?[a-zA-Z][a-z-]*' | sort -u
}

_shstate() {
	local folder command count options current=${COMP_WORDS[COMP_CWORD]} words=
	_shstate_words
	COMPREPLY=()
	case $options$current in
	yes-*) words=$(_shstate_options) ;;
	*)
		case $command:$count in
		:*) words=$(shstate --help | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p') ;;
		create:1) words='atomic counter mutex rwlock condvar once cell semaphore barrier' ;;
		lock:[1-9]* | freeze:[1-9]*)
			mapfile -t COMPREPLY < <(compgen -c -- "$current")
			return ;;
		save:0 | restore:* | create:* | doctor:*) ;;
		*) _shstate_names "$current" ;;
		esac ;;
	esac
	[ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _shstate shstate
