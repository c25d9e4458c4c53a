import type { Repository } from '@nixen/api'
import type { OperationName, OutputOf } from '../worker/operations.ts'
import type { PointRecord } from '../worker/point-record.ts'
import type { RepositorySeen } from './repository-store.ts'

/** What an operation said of its repository. */
export interface Learnt {
  readonly seen?: Partial<RepositorySeen> | undefined
  readonly points?: { readonly added?: readonly PointRecord[]; readonly removed?: readonly string[] } | undefined
}

type Readers = { readonly [N in OperationName]?: (output: OutputOf<N>, now: number) => Learnt }

const readers: Readers = {
  backup: ({ point }) => ({ points: { added: [point] } }),
  forget: ({ forget, forgotten }) =>
    forgotten > 0 ? { points: { removed: forget.map((line) => line.point.snapshot) } } : {},
  mirror: ({ added, removed }) => ({ points: { added, removed } }),
  prune: ({ executed, freedBytes }, now) => (executed ? { seen: { lastPrune: { at: now, freed: freedBytes } } } : {}),
  check: ({ ok, findings, read }, now) => {
    const first = findings.find(({ severity }) => severity === 'error') ?? findings[0]
    return {
      seen: {
        lastCheck: {
          at: now,
          ok,
          findings: findings.length,
          readBytes: read.bytes,
          ...(first ? { first: first.message } : {}),
        },
      },
    }
  },
  stats: ({ groups, storedSize, unusedSize, totalRestoreSize, deduplication, compression }, now) => ({
    seen: {
      usage: {
        at: now,
        stored: storedSize + unusedSize,
        unused: unusedSize,
        restorable: totalRestoreSize,
        deduplication,
        compression,
      },
      groups: groups.map(({ group, points, oldest, newest, restoreSize, storedSize: stored, exclusiveSize }) => ({
        path: group,
        points,
        oldest,
        newest,
        restoreSize,
        storedSize: stored,
        exclusiveSize,
      })),
    },
  }),
}

/** Pure. */
export function seenAfter<N extends OperationName>(operation: N, output: OutputOf<N>, now: number): Learnt {
  const read = readers[operation]
  return read ? read(output, now) : {}
}

/** What a failure says of the repository itself; `undefined`: nothing. */
export function stateAfter(code: string): Repository['state'] | undefined {
  switch (code) {
    case 'repository.unavailable':
    case 'repository.denied':
    case 'repository.storage_failed':
      return 'unavailable'
    case 'repository.wrong_password':
    case 'repository.not_a_repository':
    case 'repository.other_repository':
    case 'repository.bad_location':
    case 'repository.full':
      return 'failed'
    default:
      return undefined
  }
}
