import type { ChangeToken } from '@nixen/disk'
import type { FrozenVm, VmConfig } from '@nixen/providers'
import { isRecord } from '@nixen/core'

/** What a restore point keeps in `/vm.json`: how the VM was set up, and what the next backup builds on. */
export interface StoredVm {
  readonly format: 'nixen.point/1'
  readonly config: VmConfig
  /** By key of the disk: stands for the disk at that moment on its host. */
  readonly tokens: Readonly<Record<string, ChangeToken>>
  /** Connection that it was taken from: tokens mean something there only. */
  readonly connection: string
  /** Disks that were left out, each with the reason. */
  readonly excluded: readonly { readonly disk: string; readonly name: string; readonly reason: string }[]
}

/** What goes into `/vm.json`. */
export function storedVm(frozen: FrozenVm, connection: string): StoredVm {
  return {
    format: 'nixen.point/1',
    config: frozen.config,
    tokens: Object.fromEntries(frozen.disks.map(({ key, token }) => [key, token])),
    connection,
    excluded: frozen.excluded.map(({ disk, reason }) => ({ disk: disk.key, name: disk.name, reason })),
  }
}

/** What `/vm.json` holds; `undefined` when something else wrote it, or a version that is not known. */
export function readStoredVm(vm: unknown): StoredVm | undefined {
  if (!isRecord(vm) || vm['format'] !== 'nixen.point/1' || !isRecord(vm['config']) || !isRecord(vm['tokens'])) {
    return undefined
  }
  // Written by `storedVm`, in a repository that nobody without its key writes to.
  return vm as unknown as StoredVm
}
