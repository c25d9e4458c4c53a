import { vmErrors, type VmId } from '@nixen/api'
import { constants as c, isLibvirtError, type Domain, type Libvirt } from '@nixen/libvirt'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { powerOf } from '../read/domains.ts'
import { domainOf, isActive, type LibvirtContext } from './context.ts'

type Power = Pick<
  ProviderActions['vm'],
  'start' | 'shutdown' | 'hardShutdown' | 'reboot' | 'hardReboot' | 'pause' | 'unpause' | 'suspend' | 'resume'
>

/** Milliseconds between two looks at what no event of this task tells. */
const pace = 200
/** Milliseconds after which a guest that does not listen is told of. The task is not failed: it is cancelled or waited for. */
const silence = 30_000

/** Switching VMs on and off. */
export function vmPower(context: LibvirtContext): Power {
  const slow = async (id: VmId, task: ActionTask, work: (libvirt: Libvirt, dom: Domain) => Promise<unknown>) => {
    const dom = await domainOf(context, id)
    try {
      await context.link.slow(async (libvirt) => await work(libvirt, dom), { signal: task.signal })
    } finally {
      context.touch({ domain: dom.uuid })
    }
  }
  return {
    async start({ id, paused }, task) {
      await slow(id, task, async (libvirt, dom) => await startDomain(libvirt, dom, { id, paused }))
    },
    async resume({ id }, task) {
      await slow(id, task, async (libvirt, dom) => {
        const { state } = await libvirt.call.domainGetState({ dom })
        if (state === c.VIR_DOMAIN_PMSUSPENDED) await libvirt.call.domainPmWakeup({ dom })
        else await startDomain(libvirt, dom, { id, paused: false })
      })
    },
    async shutdown({ id }, task) {
      await slow(id, task, async (libvirt, dom) => {
        await asked(libvirt.call.domainShutdownFlags({ dom }), async () => !(await isActive(libvirt, dom)))
        await until(context, task, async () => !(await isActive(libvirt, dom)))
      })
    },
    async hardShutdown({ id }, task) {
      await slow(id, task, async (libvirt, dom) => {
        if (await isActive(libvirt, dom)) return await libvirt.call.domainDestroyFlags({ dom })
        // A suspended one: its memory is thrown away.
        const { result } = await libvirt.call.domainHasManagedSaveImage({ dom })
        if (result === 1) return await libvirt.call.domainManagedSaveRemove({ dom })
        throw vmErrors.bad_power_state({ id, name: dom.name, expected: ['running', 'suspended'], actual: 'halted' })
      })
    },
    async reboot({ id }, task) {
      await slow(id, task, async ({ call }, dom) => await call.domainReboot({ dom, flags: 0 }))
    },
    async hardReboot({ id }, task) {
      await slow(id, task, async ({ call }, dom) => await call.domainReset({ dom }))
    },
    async pause({ id }, task) {
      await slow(id, task, async ({ call }, dom) => await call.domainSuspend({ dom }))
    },
    async unpause({ id }, task) {
      await slow(id, task, async ({ call }, dom) => await call.domainResume({ dom }))
    },
    async suspend({ id }, task) {
      task.progress(undefined, 'saving its memory')
      await slow(
        id,
        task,
        async (libvirt, dom) => await withJobAbort(context, dom, task, libvirt.call.domainManagedSave({ dom })),
      )
    },
  }
}

/** Starts a domain that is off, from its saved memory if it has one. */
export async function startDomain(
  { call }: Libvirt,
  dom: Domain,
  { id, paused }: { readonly id: VmId; readonly paused: boolean },
): Promise<void> {
  try {
    await call.domainCreateWithFlags({ dom, flags: paused ? c.VIR_DOMAIN_START_PAUSED : 0 })
  } catch (error) {
    if (!isLibvirtError(error, c.VIR_ERR_OPERATION_INVALID)) throw error
    const { state } = await call.domainGetState({ dom })
    const actual = powerOf(state, false)
    if (actual === 'halted') throw error
    throw vmErrors.bad_power_state({ id, name: dom.name, expected: ['halted', 'suspended'], actual }, { cause: error })
  }
}

/** A guest may be faster than the answer: a refusal counts only when what was wanted is not so. */
async function asked(call: Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isLibvirtError(error) || !(await isDone())) throw error
  }
}

async function until({ clock }: LibvirtContext, task: ActionTask, isSo: () => Promise<boolean>): Promise<void> {
  const begun = clock.monotonic()
  let isTold = false
  while (!(await isSo())) {
    if (!isTold && clock.monotonic() - begun > silence) {
      isTold = true
      task.log('The guest has not shut down yet. Cancel and use "vm hard-shutdown" if it does not listen.')
    }
    await clock.sleep(pace, { signal: task.signal })
  }
}

/** Waits for a job of a domain; cancelling the task aborts the job at the daemon, and the job's own end is waited for. */
export async function withJobAbort<T>(
  { link }: LibvirtContext,
  dom: Domain,
  { signal }: Pick<ActionTask, 'signal'>,
  job: Promise<T>,
): Promise<T> {
  const abort = (): void => {
    // Nothing to abort any more is no failure.
    link.main.call.domainAbortJob({ dom }).catch(() => undefined)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await job
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
