import type { OperationName } from '../operations.ts'
import type { OperationCode } from './context.ts'
import { backup } from './operations/backup.ts'
import { benchmark, probe } from './operations/benchmark.ts'
import { check } from './operations/check.ts'
import { compare } from './operations/compare.ts'
import { forget } from './operations/forget.ts'
import { content, points } from './operations/points.ts'
import { prune } from './operations/prune.ts'
import { restoreVm } from './operations/restore-vm.ts'
import { restore } from './operations/restore.ts'
import { serve } from './operations/serve.ts'
import { addKey, changePassword, create, inspect, keys, locks, removeKey, stats, unlock } from './operations/simple.ts'

/** All that a worker can do. */
export const operations: { readonly [N in OperationName]: OperationCode<N> } = {
  create,
  inspect,
  probe,
  benchmark,
  stats,
  points,
  content,
  backup,
  restore,
  restoreVm,
  serve,
  compare,
  check,
  forget,
  prune,
  locks,
  unlock,
  keys,
  addKey,
  removeKey,
  changePassword,
}
