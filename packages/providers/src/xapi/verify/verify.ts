import { vmScreenshot } from '@nixen/xapi'
import { parseId, type VmId } from '@nixen/api'
import type { CheckPlace, GuestSigns, VerifyActions } from '../../verify/verify-actions.ts'
import { refOf } from '../actions/context.ts'
import { callsOf, unlessGone, type ProtectContext, type Stoppable } from '../protect/context.ts'
import { makeCheckPlace, removeCheckPlace } from './place.ts'
import { answerKey, challengeKey, guestSigns } from './signs.ts'

/** Health checks on a pool. */
export function xapiVerify(context: ProtectContext, translate: (error: unknown) => unknown): VerifyActions {
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    script: `xenstore-read ${challengeKey} gives the challenge; xenstore-write ${answerKey} takes the answer`,
    makePlace: (options) => asked(() => makeCheckPlace(context, options)),
    start: (place, options) => asked(() => startCheck(context, place, options)),
    look: (vm, options) => asked(() => lookAt(context, vm, options)),
    picture: (vm, { signal } = {}) => asked(() => vmScreenshot(context.xapi, parseId(vm)?.key ?? '', { signal })),
    remove: (place, options) => asked(() => removeCheckPlace(context, place, options)),
  }
}

/** NICs are there, so that the guest finds its hardware, and let nothing through: also two checks do not see each other. */
async function startCheck(
  context: ProtectContext,
  _place: CheckPlace,
  { vm, challenge, signal }: Stoppable & { vm: VmId; challenge: string },
): Promise<void> {
  const { VM, VIF } = callsOf(context, { signal })
  const ref = await refOf(context, vm, 'VM')
  const { VIFs, xenstore_data, other_config } = await VM.get_record(ref)
  for (const vif of VIFs) await VIF.set_locking_mode(vif, 'disabled')
  const { [answerKey]: _old, ...data } = xenstore_data
  await VM.set_xenstore_data(ref, { ...data, [challengeKey]: challenge })
  // Neither the pool nor the next start of a host is to bring it up again.
  const { auto_poweron: _auto, ...config } = other_config
  await VM.set_other_config(ref, config)
  await context.xapi.run(context.xapi.client.async.VM.start(ref, false, false), { signal })
}

async function lookAt(
  context: ProtectContext,
  vm: VmId,
  { challenge, signal }: Stoppable & { challenge: string },
): Promise<GuestSigns> {
  const { VM, VM_metrics, VM_guest_metrics } = callsOf(context, { signal })
  const record = await VM.get_record(await refOf(context, vm, 'VM'))
  // A guest that stops between two calls takes its metrics along: the next look sees that.
  const metrics = record.metrics === null ? undefined : await unlessGone(VM_metrics.get_record(record.metrics))
  const agent =
    record.guest_metrics === null ? undefined : await unlessGone(VM_guest_metrics.get_record(record.guest_metrics))
  return guestSigns({ vm: record, metrics, agent }, challenge)
}
