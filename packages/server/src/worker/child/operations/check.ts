import { availableParallelism } from 'node:os'
import { checkRepository } from '@nixen/backup'
import type { OperationCode } from '../context.ts'

/** Looks for damage, and repairs nothing. */
export const check: OperationCode<'check'> = async ({ read, headers = true, threads }, { open, signal, progress }) =>
  await checkRepository(await open(), {
    ...(read ? { read } : {}),
    headers,
    workers: threads ?? Math.min(availableParallelism(), 4),
    signal,
    progress: ({ phase, done, total }) =>
      progress({
        phase: `check ${phase}`,
        done,
        total,
        unit: phase === 'data' ? 'bytes' : 'items',
        ...(phase === 'data' ? { bytesRead: done } : {}),
      }),
  })
