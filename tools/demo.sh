#!/usr/bin/env bash
# The demo: the example services of services.d/, on Docker engines that osvc starts.
#
#   tools/demo.sh up       make what the examples need, plan, apply, look at it, and plan again: nothing to do
#   tools/demo.sh down     stop the services, and remove all that the demo made
#
# It has its own state and run folders, and asks no registry for anything.
set -euo pipefail
cd "$(dirname "$0")/.."

root=/srv/osvc-demo
export OSVC_STATE_DIR=/var/lib/osvc-demo OSVC_RUN_DIR=/run/osvc-demo OSVC_CONFIG=$root/osvc.yaml
PATH=$PWD/.venv/bin:$PATH

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
plain() { printf '\n%s\n' "$*"; }
[ -t 1 ] || say() { plain "$@"; }
fail() { echo "error: $*" >&2; exit 1; }
mounted() { grep -qE " (\\S+ )?$1(/\\S*)? " /proc/self/mountinfo; }

run() { # run WORDS...: show a command as a person would type it, and run it
    say "\$ $*"
    "$@"
}
plan() { # exit code 2 says that there is something to do: no error
    run osvc plan services.d/ || [ $? = 2 ]
}
fetch() { # fetch URL TEXT: wait until the page says so
    .venv/bin/python - "$@" <<'PYTHON'
import sys
import time
from urllib.request import ProxyHandler, build_opener

url, text = sys.argv[1:]
open_directly = build_opener(ProxyHandler({})).open
end = time.monotonic() + 20
while True:
    try:
        page = open_directly(url, timeout=2).read().decode()
        if text in page:
            print(page.strip())
            break
        problem = f"it says {page.strip()!r}"
    except OSError as error:
        problem = str(error)
    if time.monotonic() > end:
        sys.exit(f"error: {url} does not say {text!r}: {problem}")
    time.sleep(0.2)
PYTHON
}

prepare() {
    install -d -m 755 "$root"
    [ -e "$root/osvc.yaml" ] || printf 'node: demo\n' >"$root/osvc.yaml"
    [ -e "$root/image.tar" ] || .venv/bin/python tools/make_image.py "$root/image.tar" osvc/demo:1 >/dev/null
    if [ ! -e "$root/files.img" ]; then
        local tree
        tree=$(mktemp -d)
        mkdir "$tree/www"
        echo '<h1>files</h1><p>from a filesystem of its own</p>' >"$tree/www/index.html"
        chmod 755 "$tree" "$tree/www"
        chmod 644 "$tree/www/index.html"
        truncate -s 256M "$root/files.img.new"
        mkfs.ext4 -q -E root_owner=0:0 -d "$tree" "$root/files.img.new"
        rm -r "$tree"
        mv "$root/files.img.new" "$root/files.img"
    fi
    mkdir -p .demo
    cat >.demo/env <<ENV
# For a shell of one's own:  . .demo/env
export OSVC_STATE_DIR=$OSVC_STATE_DIR OSVC_RUN_DIR=$OSVC_RUN_DIR OSVC_CONFIG=$OSVC_CONFIG PATH=$PWD/.venv/bin:\$PATH
ENV
}

up() {
    prepare
    run osvc validate services.d/
    plan
    run osvc apply services.d/ --yes
    run osvc status services.d/
    say '$ wget -qO- http://127.0.0.1:18080/'
    fetch http://127.0.0.1:18080/ '<h1>stack</h1>'
    say '$ wget -qO- http://127.0.0.1:18081/'
    fetch http://127.0.0.1:18081/ '<h1>files</h1>'
    run osvc plan services.d/ || fail "the second plan is not empty (exit code $?)"
    plain 'Go on by hand:   . .demo/env
                 osvc docker hello kill hello.container.1; osvc plan services.d/; osvc apply services.d/
The end:         make demo-down'
}

down() {
    if [ -d "$OSVC_STATE_DIR" ] && [ -e "$OSVC_CONFIG" ]; then
        run osvc stop '*' --yes --reason 'the demo is over'
    fi
    if mounted "$root" || mounted "$OSVC_RUN_DIR"; then
        fail "something is still mounted below $root or $OSVC_RUN_DIR; nothing was removed"
    fi
    rm -rf --one-file-system -- "$root" "$OSVC_STATE_DIR" "$OSVC_RUN_DIR" .demo
    say 'the demo is gone'
}

case "${1:-}" in
up | down) ;;
*) echo "usage: tools/demo.sh up|down" >&2; exit 64 ;;
esac
[ "$(id -u)" = 0 ] || fail "the demo mounts filesystems and starts engines: run it as root, sudo make demo"
"$1"
