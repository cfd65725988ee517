#!/bin/sh
# make-initramfs.sh ROOT OUT: busybox and the modules that find the disk; runs nothing of the guest.
set -eu
root=$1 out=$2
kernel=$(ls "$root/lib/modules")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/dev" "$work/proc" "$work/sys" "$work/new" "$work/modules"
cp "$root/usr/bin/busybox" "$work/bin/busybox"

# crc32c_generic, or ext4 cannot be mounted.
for module in virtio_pci virtio_mmio virtio_blk crc32c_generic ext4 virtio_net virtio_console virtio_rng; do
    modprobe -d "$root" -S "$kernel" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod //p' | sed 's/ *$//'
done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$work/modules/"
    echo "/modules/$(basename "$file")"
done >"$work/modules/list"

cat >"$work/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
while read -r file; do /bin/busybox insmod $file 2>/dev/null; done </modules/list
i=0
while [ ! -b /dev/vda ] && [ $i -lt 300 ]; do
    /bin/busybox sleep 0.1
    i=$((i + 1))
done
/bin/busybox mount -t ext4 -o ro /dev/vda /new || exec /bin/busybox sh
/bin/busybox umount /sys /proc
/bin/busybox mount --move /dev /new/dev
exec /bin/busybox switch_root /new /lib/systemd/systemd "$@"
END
chmod +x "$work/init"
(cd "$work" && find . | cpio -o -H newc --quiet | gzip -1) >"$out"
