import { retry } from '@nixen/core'
import type { ProviderActions } from '../../../action/actions.ts'
import { follow, refOf, type XapiContext } from '../context.ts'

type Power = Pick<
  ProviderActions['vm'],
  | 'start'
  | 'recover'
  | 'shutdown'
  | 'hardShutdown'
  | 'reboot'
  | 'hardReboot'
  | 'pause'
  | 'unpause'
  | 'suspend'
  | 'resume'
>

/** Switching VMs on and off. */
export function vmPower(context: XapiContext): Power {
  const calls = context.xapi.client.async.VM
  return {
    async start({ id, host, paused }, task) {
      const vm = await refOf(context, id, 'VM')
      const call =
        host === undefined
          ? calls.start(vm, paused, false)
          : calls.start_on(vm, await refOf(context, host, 'host'), paused, false)
      await follow(context, call, task)
    },
    /** Boots from the CD drive once: the boot order is put back as soon as the VM runs, and by the undo step if that is not reached. */
    async recover({ id }, task) {
      const vm = await refOf(context, id, 'VM')
      const { VM } = context.xapi.client
      const before = await VM.get_HVM_boot_params(vm)
      const undo = await task.undo({
        kind: 'vm.bootOrder',
        what: 'Put the boot order back',
        data: { vm, params: { ...before } },
      })
      await VM.set_HVM_boot_params(vm, { ...before, order: 'dc' })
      try {
        await follow(context, calls.start(vm, false, false), task)
      } finally {
        // It runs by now: the order must not stay because one call did not get through.
        const again = async (): Promise<void> => await VM.set_HVM_boot_params(vm, before)
        await retry(again, { attempts: 4, when: () => true, signal: task.signal })
      }
      await undo.forget()
    },
    async shutdown({ id }, task) {
      await follow(context, calls.clean_shutdown(await refOf(context, id, 'VM')), task)
    },
    async hardShutdown({ id }, task) {
      await follow(context, calls.hard_shutdown(await refOf(context, id, 'VM')), task)
    },
    async reboot({ id }, task) {
      await follow(context, calls.clean_reboot(await refOf(context, id, 'VM')), task)
    },
    async hardReboot({ id }, task) {
      await follow(context, calls.hard_reboot(await refOf(context, id, 'VM')), task)
    },
    async pause({ id }, task) {
      await follow(context, calls.pause(await refOf(context, id, 'VM')), task)
    },
    async unpause({ id }, task) {
      await follow(context, calls.unpause(await refOf(context, id, 'VM')), task)
    },
    async suspend({ id }, task) {
      await follow(context, calls.suspend(await refOf(context, id, 'VM')), task)
    },
    async resume({ id, host }, task) {
      const vm = await refOf(context, id, 'VM')
      const call =
        host === undefined
          ? calls.resume(vm, false, false)
          : calls.resume_on(vm, await refOf(context, host, 'host'), false, false)
      await follow(context, call, task)
    },
  }
}
