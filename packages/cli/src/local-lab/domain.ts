import type { TinyGuest } from './tiny-guest.ts'

export interface TinyDomainOptions {
  readonly name: string
  readonly uuid?: string
  /** `qemu` runs everywhere; `kvm` only where it was seen to boot a guest. */
  readonly type?: 'qemu' | 'kvm'
  /** Another disk than that of the guest. */
  readonly disk?: string
  readonly diskFormat?: 'qcow2' | 'raw'
  /** Path of a unix socket for the serial console; a terminal of the host when left out. */
  readonly serial?: string
  /** Network interfaces, as XML. */
  readonly interfaces?: string
  /** Devices, as XML. */
  readonly devices?: string
  readonly agent?: boolean
}

/** The XML of a domain that boots a {@link TinyGuest}: q35, virtio, free ports for what is plugged in later, the channel of the guest agent. */
export function tinyDomainXml(guest: TinyGuest, options: TinyDomainOptions): string {
  const { name, uuid, type = 'qemu', disk = guest.disk, diskFormat = 'qcow2', interfaces = '', devices = '' } = options
  const ports = Array.from({ length: 8 }, () => `<controller type='pci' model='pcie-root-port'/>`).join('')
  const channel = `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`
  return `<domain type='${type}'>
  <name>${name}</name>${uuid === undefined ? '' : `<uuid>${uuid}</uuid>`}
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>${guest.kernel}</kernel>
    <initrd>${guest.initrd}</initrd>
    <cmdline>console=ttyS0 quiet nokaslr mitigations=off no_timer_check</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <controller type='pci' index='0' model='pcie-root'/>${ports}
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='${diskFormat}' discard='unmap'/><source file='${disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'><target port='0'/></serial>
    ${options.agent === false ? '' : channel}
    <graphics type='vnc'><listen type='socket'/></graphics>
    <video><model type='vga'/></video>
    ${interfaces}${devices}
  </devices>
</domain>`
}
