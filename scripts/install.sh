#!/usr/bin/env bash
# Installs paltalkd as a systemd service, or takes it away again. May be run any number of times: it changes
# what differs, says what that was, and never touches an existing configuration or any data.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: scripts/install.sh [--dry-run] [--binary FILE] [--prefix DIR]
       scripts/install.sh --uninstall [--dry-run] [--prefix DIR]

  --dry-run      say what would be done, and do nothing
  --binary FILE  the program to install [default: target/release/paltalkd]
  --uninstall    stop and remove the service, its unit and the program; the configuration, the data and
                 the user stay
  --prefix DIR   put everything below DIR, make no user and start nothing: for packagers and tests
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dry_run=no
uninstall=no
prefix=
binary=$here/target/release/paltalkd
service_user=paltalkd

while [[ $# -gt 0 ]]; do
    case $1 in
        --dry-run) dry_run=yes ;;
        --uninstall) uninstall=yes ;;
        --binary) binary=${2:?--binary needs a file}; shift ;;
        --prefix) prefix=${2:?--prefix needs a directory}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

program=$prefix/usr/local/bin/paltalkd
unit=$prefix/etc/systemd/system/paltalkd.service
config_dir=$prefix/etc/paltalkd
config=$config_dir/config.toml
data=$prefix/var/lib/paltalkd
docs=$prefix/usr/local/share/doc/paltalkd
changed=no

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# Says what is done, and does it unless this is a rehearsal.
run() {
    changed=yes
    printf '%s\n' "$*"
    if [[ $dry_run == no ]]; then "$@"; fi
}

# Installs a file if it differs: mode, from, to.
put() {
    if ! cmp -s -- "$2" "$3"; then run install -D -m "$1" -- "$2" "$3"; fi
}

# Makes a directory if it is missing: mode, directory.
make_dir() {
    if [[ ! -d $2 ]]; then run install -d -m "$1" -- "$2"; fi
}

# Gives a file or directory to user:group, if it is not theirs: owner, path.
give() {
    if [[ -n $prefix ]]; then return; fi
    if [[ ! -e $2 ]] || [[ $(stat -c %U:%G -- "$2") != "$1" ]]; then run chown "$1" -- "$2"; fi
}

has_systemd() {
    [[ -z $prefix && -d /run/systemd/system ]]
}

if [[ -z $prefix && $dry_run == no && $(id -u) -ne 0 ]]; then
    fail "this needs root; --dry-run shows what would be done"
fi

if [[ $uninstall == yes ]]; then
    if has_systemd && systemctl cat paltalkd.service >/dev/null 2>&1; then
        run systemctl disable --now paltalkd.service
    fi
    for path in "$unit" "$program" "$docs/operations.md"; do
        if [[ -e $path ]]; then run rm -- "$path"; fi
    done
    if [[ -d $docs ]]; then run rmdir --ignore-fail-on-non-empty -- "$docs"; fi
    if has_systemd && [[ $changed == yes ]]; then run systemctl daemon-reload; fi
    printf 'Left in place: %s, %s and the user %s.\n' "$config_dir" "$data" "$service_user"
    exit 0
fi

[[ -x $binary ]] || fail "$binary is missing: build it with \`cargo build --release\`, or name it with --binary"

if [[ -z $prefix ]]; then
    if ! getent group "$service_user" >/dev/null; then run groupadd --system "$service_user"; fi
    if ! getent passwd "$service_user" >/dev/null; then
        run useradd --system --gid "$service_user" --home-dir "$data" --no-create-home \
            --shell /usr/sbin/nologin "$service_user"
    fi
fi

# Renamed into place, so that a running daemon keeps its own.
if ! cmp -s -- "$binary" "$program"; then
    run install -D -m 0755 -- "$binary" "$program.new"
    run mv -f -- "$program.new" "$program"
fi
make_dir 0750 "$config_dir"
if [[ ! -e $config ]]; then
    shipped=$(mktemp)
    trap 'rm -f -- "$shipped"' EXIT
    # Whoever is put into the group may run the place: there is no other use for it.
    sed -e 's|^data_dir = .*|data_dir = "/var/lib/paltalkd"|' \
        -e "s|^operators = .*|operators = [\"$service_user\"]|" "$here/config.toml" >"$shipped"
    run install -m 0640 -- "$shipped" "$config"
fi
make_dir 0750 "$data"
give "root:$service_user" "$config_dir"
give "root:$service_user" "$config"
give "$service_user:$service_user" "$data"
put 0644 "$here/docs/operations.md" "$docs/operations.md"
put 0644 "$here/scripts/paltalkd.service" "$unit"

if [[ $changed == no ]]; then
    echo 'Everything is in place already.'
elif has_systemd; then
    run systemctl daemon-reload
    run systemctl enable paltalkd.service
fi
cat <<TEXT
Next:
  1. look through $config (check with: paltalkd --config $config check-config)
  2. systemctl restart paltalkd && systemctl status paltalkd
To run it from your own account, with every right: usermod -aG $service_user YOU, then sign in again.
Other groups, with fewer rights: docs/operations.md, "Who may do what".
TEXT
# An older configuration is not touched, and may give the group no rights.
if [[ -r $config ]] && ! grep -Eq "^ *operators *=.*\"$service_user\"" -- "$config"; then
    printf 'For that, [control] in %s has to say: operators = ["%s"]\n' "$config" "$service_user"
fi
