import { errorArea } from '../errors/area.ts'

/** Errors of actions on many objects at once. */
export const bulkArea = errorArea('bulk', {
  no_such_action: {
    status: 422,
    text: (p: { action: string; suggestion?: string | undefined }) =>
      `There is no action ${p.action}.${p.suggestion === undefined ? '' : ` Did you mean "${p.suggestion}"?`}`,
    example: { action: 'vm.strat', suggestion: 'vm.start' },
  },
  ids_or_query: {
    status: 422,
    text: () => 'Say which objects by either `ids` or `q`, a query that is not empty; `name:*` finds all.',
    example: undefined,
  },
  some_failed: {
    status: 409,
    text: (p: { failed: number; of: number; first: string }) =>
      `${p.failed} of ${p.of} failed. The first one: ${p.first}`,
    example: { failed: 3, of: 200, first: 'web-01: the host has not enough memory.' },
  },
})
export const bulkErrors = bulkArea.make
