import type { ProtectActions } from '../../protect/protect-actions.ts'
import type { ProtectContext } from './context.ts'
import { freezeVm } from './freeze.ts'
import { dropToken, keepFrozen, releaseFrozen } from './keep.ts'
import { openFrozen } from './open-disk.ts'
import { planXapiRestore } from './plan-restore.ts'
import { poolMetadata } from './pool-metadata.ts'
import { restoreVm } from './restore.ts'
import { findStrays, removeStray } from './strays.ts'
import { undoProtect } from './undo.ts'

/** Backup and restore on a pool. `translate` makes an error of the contract of what a host refuses with. */
export function xapiProtect(context: ProtectContext, translate: (error: unknown) => unknown): ProtectActions {
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    freeze: (vm, options) => asked(() => freezeVm(context, vm, options)),
    openDisk: (frozen, key, options = {}) => asked(() => openFrozen(context, frozen, { ...options, key })),
    keep: (frozen, options) => asked(() => keepFrozen(context, frozen, options)),
    release: (frozen, options) => asked(() => releaseFrozen(context, frozen, options)),
    undo: (step, options) => asked(() => undoProtect(context, step, options)),
    drop: (token, options) => asked(() => dropToken(context, token, options)),
    strays: (options) => asked(() => findStrays(context, options)),
    removeStray: (stray, options) => asked(() => removeStray(context, stray, options)),
    planRestore: (request, options) => asked(() => planXapiRestore(context, request, options)),
    restore: (plan, options) => asked(() => restoreVm(context, plan, options)),
    poolMetadata: (options) => poolMetadata(context, translate, options),
  }
}
