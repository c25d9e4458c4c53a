import type { ProviderCapabilities } from '../provider.ts'

/** Actions that a feature of the edition is needed for, by the key of `pool.restrictions` (xapi, `features.ml`). */
const restricted: Readonly<Record<string, { readonly actions: readonly string[]; readonly what: string }>> = {
  restrict_checkpoint: { actions: ['vm:snapshot-memory'], what: 'snapshots with memory' },
  restrict_cbt: { actions: ['disk:track-changes'], what: 'changed block tracking' },
  restrict_xen_motion: { actions: ['vm:migrate'], what: 'live migration' },
  restrict_storage_xen_motion: { actions: ['vm:migrate-storage', 'disk:migrate'], what: 'migration of storage' },
  restrict_dmc: { actions: ['vm:balloon'], what: 'dynamic memory' },
  restrict_vif_locking: { actions: ['nic:lock'], what: 'locking of NICs' },
  restrict_gpu: { actions: ['vm:gpu'], what: 'GPU passthrough' },
  restrict_vgpu: { actions: ['vm:vgpu'], what: 'virtual GPUs' },
  restrict_usb_passthrough: { actions: ['vm:usb'], what: 'USB passthrough' },
  restrict_pool_attached_storage: { actions: ['storage:share'], what: 'shared storage' },
  restrict_zstd_export: { actions: ['vm:export-zstd'], what: 'export with zstd' },
}

/** What the edition of a pool leaves out. */
export function capabilitiesOf(restrictions: readonly string[]): ProviderCapabilities {
  const unsupported: Record<string, string> = {}
  for (const key of restrictions) {
    const entry = restricted[key]
    if (!entry) continue
    for (const action of entry.actions) unsupported[action] = `The edition of the hosts does not include ${entry.what}.`
  }
  return { unsupported }
}
