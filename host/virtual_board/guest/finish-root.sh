#!/bin/sh
# finish-root.sh ROOT KEY.pub: what the packages' scripts would have set up, by hand; and ssh, network, log.
set -eu
root=$1 key=$2
kernel=$(ls "$root/lib/modules")

for folder in proc sys dev run tmp root home/pi mnt media srv opt boot var/tmp var/log/journal var/lib/dpkg var/cache \
    var/lib/systemd etc/ssh etc/pam.d etc/default etc/systemd/network etc/systemd/journald.conf.d; do
    mkdir -p "$root/$folder"
done
chmod 1777 "$root/tmp" "$root/var/tmp"
chmod 700 "$root/root"
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
[ -e "$root/usr/bin/awk" ] || ln -s mawk "$root/usr/bin/awk"

# base-passwd's lists, and the users that packages here would have added: name:uid:gid.
sed 's/:\*:/:x:/' "$root/usr/share/base-passwd/passwd.master" >"$root/etc/passwd"
sed 's/:\*:/:x:/' "$root/usr/share/base-passwd/group.master" >"$root/etc/group"
for user in messagebus:100:102 sshd:101:65534 systemd-network:998:998 systemd-resolve:997:997 systemd-timesync:996:996; do
    echo "${user%%:*}:x:${user#*:}::/nonexistent:/usr/sbin/nologin" >>"$root/etc/passwd"
done
for group in messagebus:102 systemd-network:998 systemd-resolve:997 systemd-timesync:996 systemd-journal:999 input:995 \
    kvm:994 render:993 sgx:992 crontab:991; do
    echo "${group%%:*}:x:${group#*:}:" >>"$root/etc/group"
done
echo 'pi:x:1000:1000::/home/pi:/bin/bash' >>"$root/etc/passwd"
echo 'pi:x:1000:' >>"$root/etc/group"
sed -i -E 's/^((video|dialout):.*)$/\1pi/' "$root/etc/group"
awk -F: '{print $1 ":*:19000:0:99999:7:::"}' "$root/etc/passwd" >"$root/etc/shadow"
awk -F: '{print $1 ":*::"}' "$root/etc/group" >"$root/etc/gshadow"
chmod 640 "$root/etc/shadow" "$root/etc/gshadow"
[ -e "$root/etc/login.defs" ] || printf 'SYS_UID_MIN 100\nSYS_UID_MAX 989\nSYS_GID_MIN 100\nSYS_GID_MAX 989\n' >"$root/etc/login.defs"
for kind in auth account password session; do
    echo "$kind required pam_unix.so" >"$root/etc/pam.d/common-$kind"
    cp "$root/etc/pam.d/common-$kind" "$root/etc/pam.d/common-$kind-noninteractive"
done

echo board >"$root/etc/hostname"
echo '127.0.0.1 localhost board' >"$root/etc/hosts"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
echo '/dev/vda / ext4 defaults,noatime 0 1' >"$root/etc/fstab"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
printf '[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$root/etc/systemd/network/10-eth.network"
printf '[Journal]\nStorage=persistent\nSystemMaxUse=16M\n' >"$root/etc/systemd/journald.conf.d/10-board.conf"

for home in root home/pi; do
    mkdir -p "$root/$home/.ssh"
    cp "$key" "$root/$home/.ssh/authorized_keys"
    chmod 700 "$root/$home/.ssh"
    chmod 600 "$root/$home/.ssh/authorized_keys"
done
chown -R 1000:1000 "$root/home/pi"
ssh-keygen -q -A -f "$root"
printf 'PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nUseDNS no\n' >"$root/etc/ssh/sshd_config"

units=$root/etc/systemd/system
mkdir -p "$units/multi-user.target.wants"
for unit in ssh systemd-networkd; do
    ln -sf "/lib/systemd/system/$unit.service" "$units/multi-user.target.wants/$unit.service"
done
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    systemd-networkd-wait-online.service; do
    ln -sf /dev/null "$units/$unit"
done
depmod -b "$root" "$kernel"
