import type { GuestAgent, GuestOs } from '@nixen/api'
import type { VMGuestMetricsRecord } from '@nixen/xapi'
import { sizeOrZero } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { GuestRow } from '../model/rows.ts'
import { guestAddresses, v4First } from './addresses.ts'
import { virtualizationOf } from './vm-record.ts'

/** `VM_metrics`: what the hypervisor says of a VM. */
export const vmMetricsHandler: RecordHandler<'VM_metrics'> = {
  put(model, ref, record) {
    model.vmMetrics.set(ref, {
      memory: sizeOrZero(record.memory_actual),
      vcpus: sizeOrZero(record.VCPUs_number),
      started: record.start_time,
      created: record.install_time,
      virtualization: virtualizationOf(record.current_domain_type),
      immobile: immobileOf(record),
    })
    model.mark('VM', model.metricsOwner.get(ref))
  },
  remove(model, ref) {
    model.vmMetrics.delete(ref)
    model.mark('VM', model.metricsOwner.get(ref))
  },
}

function immobileOf({ nomigrate, nested_virt }: { nomigrate: boolean; nested_virt: boolean }): string | undefined {
  if (nested_virt) return 'It runs virtual machines itself (nested virtualization).'
  return nomigrate ? 'The host says that it cannot be moved while it runs.' : undefined
}

/** `VM_guest_metrics`: what the agent inside a VM says. */
export const guestHandler: RecordHandler<'VM_guest_metrics'> = {
  put(model, ref, record) {
    model.guests.set(ref, readGuest(record))
    markOwner(model, ref)
  },
  remove(model, ref) {
    model.guests.delete(ref)
    markOwner(model, ref)
  },
}

function markOwner(model: Model, ref: string): void {
  const vm = model.metricsOwner.get(ref)
  if (vm === undefined) return
  model.mark('VM', vm)
  model.markEach('VIF', model.vifsOfVm.of(vm))
}

function readGuest(record: VMGuestMetricsRecord): GuestRow {
  const byDevice = guestAddresses(record.networks)
  const [only, another] = byDevice
  const ips = only && !another ? only[1] : [...new Set([...byDevice.values()].flat())].sort(v4First)
  return {
    os: osOf(record.os_version),
    agent: agentOf(record),
    hostname: record.netbios_name?.['host_name'] || undefined,
    ips,
    byDevice: only && !another ? only[0] : byDevice,
  }
}

function osOf(version: Readonly<Record<string, string>>): GuestOs | undefined {
  // Windows says "name|folder|device".
  const name = version['name']?.split('|', 1)[0]?.trim()
  if (!name) return undefined
  const os: GuestOs = { name }
  const { distro, major, minor, uname } = version
  os.family = familyOf(`${distro ?? ''} ${name}`.toLowerCase(), uname)
  const number = [major, minor].filter(Boolean).join('.')
  if (number !== '') os.version = number
  if (uname) os.kernel = uname
  return os
}

function familyOf(text: string, uname: string | undefined): NonNullable<GuestOs['family']> {
  if (text.includes('windows')) return 'windows'
  if (text.includes('bsd')) return 'bsd'
  return uname || /linux|debian|ubuntu|centos|red hat|rocky|alma|suse|fedora|nixos|alpine|arch/.test(text)
    ? 'linux'
    : 'other'
}

function agentOf(record: VMGuestMetricsRecord): GuestAgent {
  const { major, minor, micro, build } = record.PV_drivers_version
  // A host counts the drivers as there when it knows both (xapi, `xapi_guest_agent`); -1 stands for unknown.
  const drivers = known(major) && known(minor)
  const agent: GuestAgent = { running: record.live, drivers: drivers || record.PV_drivers_detected }
  if (drivers) {
    const version = [major, minor, ...(known(micro) ? [micro] : [])].join('.')
    agent.version = known(build) ? `${version}-${build}` : version
    if (!record.PV_drivers_up_to_date) agent.outdated = true
  }
  return agent
}

const known = (number: string | undefined): boolean => number !== undefined && number !== '' && number !== '-1'
