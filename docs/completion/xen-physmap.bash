# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of xen-physmap for bash. Verbs and options are asked of the command itself.

_xen_physmap()
{
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} words usage
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        words=$(LC_ALL=C "$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$word")
        return
    fi
    usage=$(LC_ALL=C "$program" "${COMP_WORDS[1]}" --help 2>/dev/null)
    if [[ $word == -?* ]]; then
        words=$(sed -n 's/^  \(-[a-zA-Z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p' <<<"$usage")
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    usage=$(sed -n '/^Usage:/{n;p;q}' <<<"$usage")
    if [[ $usage == *DOMID* || $usage == *NAME* ]]; then
        words=$(xl list 2>/dev/null | awk 'NR > 1 && $2 > 0 { print $1 }')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
    if [[ $usage != *DOMID* || $usage == *FILE* || $usage == *JSON* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _xen_physmap xen-physmap
