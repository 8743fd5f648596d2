# bash completion for loam. Verbs and options come from the program's own --help, so they are never out of date.
_loam() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} help
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 || $before == help ]]; then
        help=$(loam --help 2>/dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')
        COMPREPLY=($(compgen -W "$help help" -- "$word"))
        return
    fi
    if [[ $verb == model ]]; then
        if [[ $COMP_CWORD -eq 2 ]]; then
            help=$(loam model --help 2>/dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')
            COMPREPLY=($(compgen -W "$help" -- "$word"))
            return
        fi
        verb="model ${COMP_WORDS[2]}"
    fi
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2086 # two words for "model pull"
        help=$(loam $verb --help 2>/dev/null | grep -E '^ +-' | grep -oE -- '--[a-z0-9-]+')
        COMPREPLY=($(compgen -W "$help" -- "$word"))
    elif [[ $before == -m || $before == --model || $verb == "model inspect" ]]; then
        help=$(loam model list 2>/dev/null | sed -nE '1!s/^([^ ]+)  .*/\1/p')
        COMPREPLY=($(compgen -W "$help smollm2" -- "$word") $(compgen -f -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -o filenames -F _loam loam
