/**
 * Modules of Debian's cloud kernel that the guest loads, each after those that it needs. What is built in is not here; a name that the
 * kernel does not have as a module is passed over.
 */
export const guestModules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'virtio_blk',
  'failover',
  'net_failover',
  'virtio_net',
  'virtio_console',
  'virtio_balloon',
  'button',
  'evdev',
] as const

/** Said on the serial console when the guest is up. */
export const guestIsUp = 'nixen-guest: up'

/**
 * The first process of the guest: mounts its data disk at /data, counts its starts there, runs the QEMU guest agent, and switches itself off when
 * the power button is pressed.
 */
export const guestInit = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /data /var /usr/bin /usr/sbin /sbin
/bin/busybox ln -s /run /var/run
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec >/dev/console 2>&1
for module in ${guestModules.join(' ')}; do
  [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
tries=0
until [ -b /dev/vda ] || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); done
if mount -t ext4 /dev/vda /data; then
  count=$(cat /data/boots 2>/dev/null || echo 0)
  echo $((count + 1)) >/data/boots
  sync
fi
ip link set lo up
for interface in /sys/class/net/eth*; do
  [ -e "$interface" ] || continue
  name=\${interface##*/}
  ip link set $name up
  udhcpc -i $name -q -t 5 -n -s /udhcpc >/dev/null 2>&1 &
done
for port in /sys/class/virtio-ports/*; do
  [ -f "$port/name" ] || continue
  [ "$(cat $port/name)" = org.qemu.guest_agent.0 ] || continue
  qemu-ga -m virtio-serial -p /dev/\${port##*/} -t /run &
done
for button in /dev/input/event*; do
  [ -c "$button" ] || continue
  (dd if=$button of=/dev/null bs=24 count=1 2>/dev/null; umount /data; poweroff -f) &
done
echo '${guestIsUp}'
while true; do
  setsid sh -c 'exec sh </dev/console >/dev/console 2>&1'
  sleep 1
done
`

/** What udhcpc runs when it has an address. */
export const guestDhcp = `#!/bin/busybox sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev $interface
ip addr add $ip/\${mask:-24} dev $interface
[ -n "$router" ] && ip route add default via $router dev $interface
exit 0
`
