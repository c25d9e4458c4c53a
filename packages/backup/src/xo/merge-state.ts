import { posix } from 'node:path'
import { isRecord } from '@nixen/core'
import type { XoStore } from './xo-store.ts'

/** A merge that was interrupted: the images of `chain` become one. */
export interface MergeState {
  /** Names in the repository, the oldest (into which all go) first. */
  readonly chain: readonly string[]
  readonly step: 'mergeBlocks' | 'cleanup'
}

/** States of merges in the folder of a disk. One that cannot be read counts as a merge of what it is named after. */
export async function mergeStates(store: XoStore, folder: string): Promise<MergeState[]> {
  const states: MergeState[] = []
  for (const name of await store.list(folder)) {
    const [, image] = /^\.(.+)\.merge\.json$/.exec(name) ?? []
    if (image === undefined) continue
    const value = await store.json(`${folder}/${name}`).catch(() => undefined)
    const chain = isRecord(value) && Array.isArray(value['chain']) ? value['chain'] : [image]
    const step = isRecord(value) && value['step'] === 'cleanup' ? 'cleanup' : 'mergeBlocks'
    const names = chain.filter((one): one is string => typeof one === 'string')
    states.push({ chain: names.map((one) => posix.normalize(posix.join(folder, one))), step })
  }
  return states
}
