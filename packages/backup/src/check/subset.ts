import { parseBytes, systemRandom, type Random } from '@nixen/core'
import { backupErrors } from '../errors.ts'

/** Which packs are read: none, all, part `part` of `of` (from 1; every pack is in one part), a share, or up to so many bytes. */
export type ReadData =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'part'; readonly part: number; readonly of: number }
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'bytes'; readonly bytes: number }

/** Reads `n/t`, `x%` or a size, as restic's `--read-data-subset`. Errors: `backup.read_data_subset`. */
export function parseReadDataSubset(text: string): ReadData {
  const part = /^(\d+)\/(\d+)$/.exec(text)
  if (part) {
    const [n, of] = [Number(part[1]), Number(part[2])]
    if (n >= 1 && n <= of && of <= 256) return { kind: 'part', part: n, of }
    throw backupErrors.read_data_subset({ text })
  }
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
  if (percent) {
    const share = Number(percent[1]) / 100
    if (share > 0 && share <= 1) return { kind: 'share', share }
    throw backupErrors.read_data_subset({ text })
  }
  const bytes = parseBytes(text)
  if (bytes === undefined || bytes === 0) throw backupErrors.read_data_subset({ text })
  return { kind: 'bytes', bytes }
}

/** Names of the packs to read. Shares and sizes take packs at random, at least one; parts go by the first byte of the name, as in restic. */
export function choosePacks(
  packs: ReadonlyMap<string, number>,
  read: ReadData,
  random: Random = systemRandom,
): string[] {
  const names = [...packs.keys()]
  switch (read.kind) {
    case 'none':
      return []
    case 'all':
      return names
    case 'part':
      return names.filter((name) => Number.parseInt(name.slice(0, 2), 16) % read.of === read.part - 1)
    case 'share':
      return shuffled(names, random).slice(0, Math.max(1, Math.round(names.length * read.share)))
    case 'bytes': {
      let left = read.bytes
      return shuffled(names, random).filter((name, i) => {
        const size = packs.get(name) ?? 0
        if (size > left && i > 0) return false
        left -= size
        return true
      })
    }
  }
}

function shuffled(names: string[], random: Random): string[] {
  for (let i = names.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a = '', b = ''] = [names[i], names[j]]
    names[i] = b
    names[j] = a
  }
  return names
}
