import type { Database } from '../db/database.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { guestSystems } from './catalogue.ts'

const features = [
  'feature-shutdown',
  'feature-reboot',
  'feature-suspend',
  'feature-poweroff',
  'feature-vcpu-hotplug',
  'feature-balloon',
  'platform-feature-multiprocessor-suspend',
]

/** What the guest agent of a VM reports once it is up; `undefined` when the VM has no system that comes with one, or no disk to boot from. */
export function guestAgentOf(db: Database, vm: Ref<'VM'>): Partial<Rows['VM_guest_metrics']> | undefined {
  const { reference_label, VBDs, VIFs, name_label, metrics } = db.get('VM', vm)
  const os = guestSystems.find((system) => system.referenceLabel === reference_label)
  const installed = (db.find('VM_metrics', metrics)?.install_time ?? 0) > 0
  const disk = [...VBDs].some((vbd) => db.get('VBD', vbd).type === 'Disk')
  if (!os?.agent || !installed || !disk) return undefined
  const { name, distro, uname, major, minor } = os.agent
  const windows = os.family === 'windows'
  return {
    os_version: { name, distro, uname, major, minor },
    netbios_name: windows ? { host_name: name_label.slice(0, 15).toUpperCase() } : {},
    PV_drivers_version: windows
      ? { major: '9', minor: '4', micro: '0', build: '146' }
      : { major: '7', minor: '30', micro: '0', build: '12' },
    PV_drivers_up_to_date: true,
    PV_drivers_detected: true,
    networks: Object.fromEntries([...VIFs].flatMap((vif) => addresses(db.get('VIF', vif)))),
    other: { ...Object.fromEntries(features.map((feature) => [feature, '1'])), 'has-vendor-device': '0' },
    can_use_hotplug_vbd: 'yes',
    can_use_hotplug_vif: 'yes',
    live: true,
  }
}

/** Addresses that follow from the MAC, as a DHCP server with a good memory gives them. */
function addresses({ device, MAC }: Rows['VIF']): [string, string][] {
  const octets = MAC.split(':').map((octet) => Number.parseInt(octet, 16))
  const [a = 0, b = 0, c = 0] = octets.slice(3)
  const ip = `10.${a}.${b}.${Math.min(254, Math.max(1, c))}`
  return [
    [`${device}/ip`, ip],
    [`${device}/ipv4/0`, ip],
    [`${device}/ipv6/0`, `fe80::${MAC.replaceAll(':', '').replace(/(....)(?=.)/g, '$1:')}`],
  ]
}
