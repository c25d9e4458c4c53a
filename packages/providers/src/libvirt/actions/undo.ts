import { connectionErrors } from '@nixen/api'
import type { UndoStep } from '../../action/actions.ts'
import { isGone } from '../errors.ts'
import type { LibvirtContext } from './context.ts'
import { undefine } from './vm-lifecycle.ts'

/** Takes back what an action began. What is gone already is no error. */
export async function undoStep(context: LibvirtContext, step: UndoStep): Promise<void> {
  const { call } = context.link.main
  const text = (key: string): string => {
    const value = step.data[key]
    return typeof value === 'string' ? value : ''
  }
  try {
    switch (step.kind) {
      case 'domain.undefine': {
        const { dom } = await call.domainLookupByUuid({ uuid: text('uuid') })
        if ((await call.domainIsActive({ dom })).active === 1) await call.domainDestroyFlags({ dom })
        if ((await call.domainIsPersistent({ dom })).persistent === 1) await undefine(context.link.main, dom)
        context.touch({ domain: dom.uuid })
        return
      }
      case 'volume.delete': {
        const { vol } = await call.storageVolLookupByKey({ key: text('key') })
        const { pool } = await call.storagePoolLookupByName({ name: vol.pool })
        await call.storageVolDelete({ vol, flags: 0 })
        context.touch({ pool: pool.uuid })
        return
      }
      case 'volume.deleteNamed': {
        const { pool } = await call.storagePoolLookupByName({ name: text('pool') })
        const { vol } = await call.storageVolLookupByName({ pool, name: text('name') })
        await call.storageVolDelete({ vol, flags: 0 })
        context.touch({ pool: pool.uuid })
        return
      }
      default:
        throw connectionErrors.unsupported({ action: 'undo', reason: `The step ${step.kind} is not known.` })
    }
  } catch (error) {
    // A domain that is not persistent goes with its end.
    if (!isGone(error)) throw error
  }
}
