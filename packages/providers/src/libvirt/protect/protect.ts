import { connectionErrors, protectErrors, type ResourceId } from '@nixen/api'
import type { ProtectActions } from '../../protect/protect-actions.ts'
import type { Translate } from '../actions/actions.ts'
import type { LibvirtContext } from '../actions/context.ts'
import { dropToken, keepBackup, listStrays, readStep, takeBack } from './finish.ts'
import { freezeDomain } from './freeze.ts'
import { openFrozen } from './open.ts'
import { planLibvirtRestore } from './plan.ts'
import { restoreVm, undoRestore } from './restore.ts'
import { tokenOf } from './token.ts'

/** Backup and restore of libvirt's domains. */
export function libvirtProtect(
  context: LibvirtContext,
  { product, translate }: { readonly product: string; readonly translate: Translate },
): ProtectActions {
  const asked = async <T>(work: () => Promise<T>, id?: ResourceId): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error, id)
    }
  }
  return {
    freeze: async (vm, options) =>
      await asked(async () => await freezeDomain(context, vm, { ...options, product }), vm),
    openDisk: async (frozen, disk, options = {}) =>
      await asked(async () => await openFrozen(context, frozen, { ...options, disk })),
    keep: async (frozen, options) => await asked(async () => await keepBackup(context, frozen, options)),
    release: async (frozen) => await asked(async () => await takeBack(context, readStep(frozen.undo.data))),
    undo: async (step) =>
      await asked(async () => {
        if (step.kind === 'protect.backup') await takeBack(context, readStep(step.data))
        else await undoRestore(context, step)
      }),
    drop: async (token) => await asked(async () => await dropToken(context, token)),
    strays: async ({ disks } = {}) => await asked(async () => await listStrays(context, disks)),
    removeStray: async ({ native, token }) =>
      await asked(async () => {
        const [domain = '', checkpoint = ''] = native.uuid.split('/')
        if (native.class !== 'checkpoint') throw protectErrors.not_ours({ what: `${native.class} ${native.uuid}` })
        await dropToken(context, token ?? tokenOf({ domain, checkpoint, disk: '-' }))
      }),
    planRestore: async (request) => await asked(async () => await planLibvirtRestore(context, request)),
    restore: async (plan, options) => await asked(async () => await restoreVm(context, plan, options)),
    // oxlint-disable-next-line eslint/require-yield -- it refuses
    async *poolMetadata() {
      throw connectionErrors.unsupported({
        action: 'pool metadata',
        reason: 'libvirt keeps no database; each VM is backed up with its definition.',
      })
    },
  }
}
