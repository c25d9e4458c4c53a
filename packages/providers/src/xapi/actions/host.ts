import { connectionErrors, type ActionRequest, type Actions, type HostId } from '@nixen/api'
import { isAbort, systemClock } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { follow, refOf, withKeys, type XapiContext } from './context.ts'
import { installPatches } from './patches.ts'

/** What can be done with hosts. */
export function hostActions(context: XapiContext): ProviderActions['host'] {
  const { host, pool } = context.xapi.client
  const calls = context.xapi.client.async
  return {
    async update({ id, name, description, tags, iscsiIqn, multipathing, syslogTo, ...power }, task) {
      const ref = await refOf(context, id, 'host')
      if (name !== undefined) await host.set_name_label(ref, name)
      if (description !== undefined) await host.set_name_description(ref, description)
      if (tags !== undefined) await host.set_tags(ref, [...new Set(tags)])
      if (iscsiIqn !== undefined) await host.set_iscsi_iqn(ref, iscsiIqn)
      if (multipathing !== undefined) await host.set_multipathing(ref, multipathing)
      await setPowerOn(context, ref, power)
      if (syslogTo === undefined) return
      const logging = await host.get_logging(ref)
      const destination = syslogTo === '' ? undefined : syslogTo
      await host.set_logging(ref, withKeys(logging, { syslog_destination: destination }))
      await follow(context, calls.host.syslog_reconfigure(ref), task)
    },
    async enterMaintenance({ id }, task) {
      await enterMaintenance(context, await refOf(context, id, 'host'), task)
    },
    async leaveMaintenance({ id }, task) {
      await follow(context, calls.host.enable(await refOf(context, id, 'host')), task)
    },
    async evacuate({ id }, task) {
      await follow(context, calls.host.evacuate(await refOf(context, id, 'host')), task)
    },
    async shutdown({ id }, task) {
      await follow(context, calls.host.shutdown(await refOf(context, id, 'host')), task)
    },
    async reboot({ id }, task) {
      await rebootHost(context, id, task)
    },
    async smartReboot({ id }, task) {
      await smartReboot(context, id, task)
    },
    async emergencyShutdown({ id }, task) {
      await emergencyShutdown(context, id, task)
    },
    async scanNics({ id }, task) {
      await follow(context, calls.PIF.scan(await refOf(context, id, 'host')), task)
    },
    async powerOn({ id }, task) {
      await follow(context, calls.host.power_on(await refOf(context, id, 'host')), task)
    },
    async restartToolstack({ id }, task) {
      await follow(context, calls.host.restart_agent(await refOf(context, id, 'host')), task)
    },
    async installPatches({ id }, task) {
      await installPatches(context, await refOf(context, id, 'host'), task)
    },
    async installCertificate({ id, certificate, key, chain }, task) {
      const ref = await refOf(context, id, 'host')
      await follow(context, calls.host.install_server_certificate(ref, certificate, key, chain), task)
    },
    async resetCertificate({ id }, task) {
      await follow(context, calls.host.reset_server_certificate(await refOf(context, id, 'host')), task)
    },
    async makeMaster({ id }, task) {
      await follow(context, calls.pool.designate_new_master(await refOf(context, id, 'host')), task)
    },
    async eject({ id }) {
      // The host restarts as a pool of its own while it answers: there is no task to follow.
      await pool.eject(await refOf(context, id, 'host'))
    },
    async forget({ id }) {
      await host.destroy(await refOf(context, id, 'host'))
    },
    async hidePci({ id, hide, show }) {
      await hidePci(context, { host: await refOf(context, id, 'host'), hide, show })
    },
  }
}

type PowerOn = Pick<ActionRequest<Actions['host']['update']>, 'powerOnMode' | 'powerOnConfig'>

/** Mode and what it needs are set together. */
async function setPowerOn({ xapi }: XapiContext, ref: Ref<'host'>, power: PowerOn): Promise<void> {
  const { powerOnMode, powerOnConfig } = power
  if (powerOnMode === undefined && powerOnConfig === undefined) return
  const { host } = xapi.client
  const mode = powerOnMode ?? (await host.get_power_on_mode(ref))
  await host.set_power_on_mode(ref, mode, powerOnConfig ?? (await host.get_power_on_config(ref)))
}

/** Disabled first, so that nothing new comes while the VMs leave; enabled again when one of them cannot. */
async function enterMaintenance(context: XapiContext, ref: Ref<'host'>, task: ActionTask): Promise<void> {
  const calls = context.xapi.client.async.host
  const undo = await task.undo({ kind: 'host.enable', what: 'Let the host take VMs again', data: { host: ref } })
  await follow(context, calls.disable(ref), task)
  await follow(context, calls.evacuate(ref), task)
  await undo.forget()
}

/** Reboots a host and waits until it answers and takes VMs, at most an hour: big machines check their memory for long. */
export async function rebootHost(context: XapiContext, id: HostId, task: ActionTask): Promise<void> {
  await rebootAndWait(context, await refOf(context, id, 'host'), task)
}

/** The same, by reference. A host that comes back without taking VMs is told to. */
export async function rebootAndWait(context: XapiContext, ref: Ref<'host'>, task: ActionTask): Promise<void> {
  const { host } = context.xapi.client
  const before = await bootTime(context, ref)
  await host.reboot(ref)
  task.progress(undefined, 'Waiting until the host is back')
  const end = systemClock.monotonic() + 3600 * 1000
  for (let round = 1; ; round++) {
    await systemClock.sleep(Math.min(2000, round * 200), { signal: task.signal })
    try {
      if ((await bootTime(context, ref)) !== before) {
        if (await host.get_enabled(ref)) return
        // As a rule it takes VMs by itself a moment after its start.
        if (round % 10 === 0) await host.enable(ref)
      }
    } catch (error) {
      // A master that reboots does not answer for a while.
      if (isAbort(error, task.signal)) throw error
    }
    if (systemClock.monotonic() < end) continue
    throw connectionErrors.timeout({ address: 'The host', seconds: 3600, what: 'after its reboot' })
  }
}

/** When a host was started, as it says. */
export async function bootTime({ xapi }: XapiContext, ref: Ref<'host'>): Promise<string | undefined> {
  return (await xapi.client.host.get_other_config(ref))['boot_time']
}

/** Suspends the VMs that run on a host, reboots it, resumes them there. VMs that cannot be suspended are named before anything is done. */
async function smartReboot(context: XapiContext, id: HostId, task: ActionTask): Promise<void> {
  const ref = await refOf(context, id, 'host')
  const { VM, host } = context.xapi.client
  const calls = context.xapi.client.async
  const running: Ref<'VM'>[] = []
  for (const vm of await host.get_resident_VMs(ref)) {
    const { is_control_domain, power_state, name_label, allowed_operations } = await VM.get_record(vm)
    if (is_control_domain || power_state !== 'Running') continue
    if (!allowed_operations.includes('suspend')) {
      throw connectionErrors.unsupported({
        action: 'Rebooting it',
        reason: `${name_label} cannot be suspended. Shut it down or move it.`,
      })
    }
    running.push(vm)
  }
  const undo = await task.undo({
    kind: 'host.resume',
    what: 'Resume the VMs of the host',
    data: { host: ref, vms: running },
  })
  await follow(context, calls.host.disable(ref), task)
  for (const vm of running) await follow(context, calls.VM.suspend(vm), task)
  await rebootHost(context, id, task)
  for (const vm of running) await follow(context, calls.VM.resume_on(vm, ref, false, false), task)
  await undo.forget()
}

/** Suspends what can be, shuts down the rest, and switches the host off. */
async function emergencyShutdown(context: XapiContext, id: HostId, task: ActionTask): Promise<void> {
  const ref = await refOf(context, id, 'host')
  const { VM, host } = context.xapi.client
  const calls = context.xapi.client.async
  const running: Ref<'VM'>[] = []
  for (const vm of await host.get_resident_VMs(ref)) if (!(await VM.get_is_control_domain(vm))) running.push(vm)
  const data = { host: ref, vms: running }
  const undo = await task.undo({ kind: 'host.resume', what: 'Let the VMs of the host go on', data })
  await follow(context, calls.host.disable(ref), task)
  for (const [index, vm] of running.entries()) {
    const { name_label: name, allowed_operations: allowed } = await VM.get_record(vm)
    task.progress(index / running.length, `Suspending ${name}`)
    if (allowed.includes('suspend')) await follow(context, calls.VM.suspend(vm), task)
    else if (allowed.includes('clean_shutdown')) await follow(context, calls.VM.clean_shutdown(vm), task)
    else await follow(context, calls.VM.hard_shutdown(vm), task)
  }
  await follow(context, calls.host.shutdown(ref), task)
  await undo.forget()
}

interface PciChange {
  readonly host: Ref<'host'>
  readonly hide: readonly string[]
  readonly show: readonly string[]
}

/** Adds to and takes from the list of hidden devices on the kernel's command line; what else is hidden stays hidden. */
async function hidePci({ xapi }: XapiContext, { host, hide, show }: PciChange): Promise<void> {
  const { PCI } = xapi.client
  const wanted = new Set([...hide, ...show])
  const found = new Map<string, Ref<'PCI'>>()
  for (const [ref, record] of await PCI.get_all_records()) {
    if (record.host === host && wanted.has(record.pci_id)) found.set(record.pci_id, ref)
  }
  for (const address of wanted) {
    if (found.has(address)) continue
    throw connectionErrors.unsupported({ action: 'Hiding it', reason: `the host has no PCI device ${address}.` })
  }
  for (const [address, ref] of found) {
    if (hide.includes(address)) await PCI.disable_dom0_access(ref)
    else await PCI.enable_dom0_access(ref)
  }
}
