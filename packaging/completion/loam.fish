# fish completion for loam. Verbs and options come from the program's own --help, so they are never out of date.
function __loam_verbs
    $argv --help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
end

function __loam_options
    set -l words (commandline -opc)
    set -l verb $words[2]
    test "$verb" = model; and set verb $words[2..3]
    loam $verb --help 2>/dev/null | string replace -rf '^ +(?:-., )?(--[a-z0-9-]+)(?: [A-Z|]+)?  +(.*)' '$1\t$2'
end

complete -c loam -f -n 'test (count (commandline -opc)) -eq 1' -a '(__loam_verbs loam)'
complete -c loam -f -n 'test (count (commandline -opc)) -eq 2; and __fish_seen_subcommand_from model' -a '(__loam_verbs loam model)'
complete -c loam -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__loam_options)'
complete -c loam -n 'string match -rq -- "^(-m|--model)\$" (commandline -opc)[-1]' -F -a smollm2
