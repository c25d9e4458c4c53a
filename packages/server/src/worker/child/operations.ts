import type { OperationName } from '../operations.ts'
import type { OperationCode } from './context.ts'

/** All that a worker can do. The code of an operation is loaded when it is asked for: a process does few of them. */
export const operations: { readonly [N in OperationName]: () => Promise<OperationCode<N>> } = {
  create: async () => (await import('./operations/simple.ts')).create,
  inspect: async () => (await import('./operations/simple.ts')).inspect,
  probe: async () => (await import('./operations/benchmark.ts')).probe,
  benchmark: async () => (await import('./operations/benchmark.ts')).benchmark,
  stats: async () => (await import('./operations/simple.ts')).stats,
  points: async () => (await import('./operations/points.ts')).points,
  content: async () => (await import('./operations/points.ts')).content,
  backup: async () => (await import('./operations/backup.ts')).backup,
  restore: async () => (await import('./operations/restore.ts')).restore,
  restoreVm: async () => (await import('./operations/restore-vm.ts')).restoreVm,
  serve: async () => (await import('./operations/serve.ts')).serve,
  compare: async () => (await import('./operations/compare.ts')).compare,
  check: async () => (await import('./operations/check.ts')).check,
  forget: async () => (await import('./operations/forget.ts')).forget,
  prune: async () => (await import('./operations/prune.ts')).prune,
  export: async () => (await import('./operations/export.ts')).exportDisks,
  notes: async () => (await import('./operations/notes.ts')).notes,
  addNote: async () => (await import('./operations/notes.ts')).addNote,
  evidence: async () => (await import('./operations/notes.ts')).evidence,
  removeNotes: async () => (await import('./operations/notes.ts')).removeNotes,
  locks: async () => (await import('./operations/simple.ts')).locks,
  unlock: async () => (await import('./operations/simple.ts')).unlock,
  keys: async () => (await import('./operations/simple.ts')).keys,
  addKey: async () => (await import('./operations/simple.ts')).addKey,
  removeKey: async () => (await import('./operations/simple.ts')).removeKey,
  changePassword: async () => (await import('./operations/simple.ts')).changePassword,
}
