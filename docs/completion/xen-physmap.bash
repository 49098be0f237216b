# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of xen-physmap for bash. What can be completed is asked of the command itself.
#
# Names of blocks and guests come from outside. Those that a shell could take for more than a word aren't
# offered, and compgen -W gets $words in single quotes, as it would run commands in the words themselves.

_xen_physmap()
{
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local verb=${COMP_WORDS[1]} words usage kind part joined=
    COMPREPLY=()
    # "--to=json" is three words to bash.
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [ "$COMP_CWORD" = 1 ] || { [ "$COMP_CWORD" = 2 ] && [ "$verb" = help ]; }; then
        words=$(LC_ALL=C "$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
        [ "$COMP_CWORD" = 2 ] || words="$words help --help --version --machine-readable"
        mapfile -t COMPREPLY < <(compgen -W '$words' -- "$word")
        return
    fi
    usage=$(LC_ALL=C "$program" "$verb" --help 2>/dev/null)
    if [[ $word == -?* ]]; then
        words=$(sed -n 's/^  \(-[a-zA-Z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p' <<<"$usage")
        mapfile -t COMPREPLY < <(compgen -W '$words' -- "$word")
        return
    fi
    case $before in
    --format | --from | --to | -f | -t)
        kind=records
        [ "$verb" != extract ] || kind=memory
        words=$("$program" --machine-readable 2>/dev/null | sed -n "s/^$kind //p")
        mapfile -t COMPREPLY < <(compgen -W '$words' -- "$word")
        return
        ;;
    esac
    # The end of a block's name, or the whole name if several blocks have this end. It has colons, at which
    # bash splits words, so they are put together again. bash keeps what is before the last colon.
    if [ "$verb" = extract ]; then
        for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
            if [[ $part == :* || $joined == *: ]]; then
                joined=$joined$part
            else
                before=$joined
                joined=$part
            fi
        done
        if [ "$COMP_CWORD" -gt 2 ] && [ -f "$before" ]; then
            words=$("$program" show --json -- "$before" 2>/dev/null |
                sed -n '/"records"/,/]/s/^ *"name" : "\([[:alnum:]@._:/+,-]*\)",$/\1/p' |
                awk -F / '{ name[NR] = $0; end[NR] = $NF; n[$NF]++ }
                    END { for (i = 1; i <= NR; i++) print n[end[i]] == 1 ? end[i] : name[i] }')
            mapfile -t COMPREPLY < <(compgen -W '$words' -- "$joined")
            [[ $joined != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${joined%:*}:"}")
            return
        fi
    fi
    usage=$(sed -n '/^Usage:/{n;p;q}' <<<"$usage")
    if [[ $usage == *DOMID* || $usage == *NAME* ]]; then
        words=$(xl list 2>/dev/null | awk 'NR > 1 && $2 > 0 && $1 ~ /^[[:alnum:]._:+-]+$/ { print $1 }')
        mapfile -t COMPREPLY < <(compgen -W '$words' -- "$word")
    fi
    if [[ $usage != *DOMID* || $usage == *FILE* || $usage == *JSON* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _xen_physmap xen-physmap
