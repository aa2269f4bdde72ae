# Runs a program where it sees a few folders, read-only, and an empty one to write in; no network, few resources.
# Arguments: FOLDER (its files are copied in), USER (empty: this one), LIMITS, READABLE FOLDER…, `--`, PROGRAM…
# In namespaces of its own for mounts, network, processes and so on; says `confined` when all is set up.
set -eu
case_folder=$1 user=$2 limits=$3
shift 3
new=$case_folder/root
mkdir "$new"
mount -t tmpfs -o size=256m,mode=755 none "$new"
for path in /usr /bin /sbin /lib /lib32 /lib64 /libx32 /etc/alternatives /etc/ld.so.cache; do
    if [ -L "$path" ]; then
        ln -s "$(readlink "$path")" "$new$path"
    elif [ -d "$path" ]; then
        mkdir -p "$new$path"
        mount --rbind "$path" "$new$path"
        mount -o remount,bind,ro,nosuid "$new$path"
    elif [ -f "$path" ]; then
        cp "$path" "$new$path"
    fi
done
while [ "$1" != -- ]; do
    case $1 in /usr | /usr/*) ;; *)
        mkdir -p "$new$1"
        mount --rbind "$1" "$new$1"
        mount -o remount,bind,ro,nosuid "$new$1"
        ;;
    esac
    shift
done
shift
mkdir "$new/dev" "$new/old" "$new/proc"
for device in null urandom; do
    : >"$new/dev/$device"
    mount --bind "/dev/$device" "$new/dev/$device"
done
mkdir "$new/case"
mount -t tmpfs -o size=128m,mode=777,nosuid,nodev none "$new/case"
cp -R "$case_folder/files/." "$new/case"
chmod -R a+rX "$new/case"
cd "$new"
pivot_root . old
cd /case
# A /proc of its own processes only; taking the old root away needs one.
mount -t proc -o nosuid,nodev,noexec proc /proc
umount -l /old
mount -o remount,bind,ro /
drop="setpriv --no-new-privs --bounding-set=-all --inh-caps=-all"
if [ -n "$user" ]; then drop="$drop --reuid=$user --regid=$user --clear-groups"; fi
echo confined
# shellcheck disable=SC2086 — options are words
exec $drop prlimit $limits "$@" >/dev/null 2>&1
