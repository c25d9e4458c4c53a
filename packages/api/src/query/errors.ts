import { errorArea } from '../errors/area.ts'

/** Errors in the query, the order or the cursor of a list. */
export const queryArea = errorArea('query', {
  invalid: {
    status: 400,
    text: (p: { text: string; offset: number; length: number; message: string; suggestion?: string | undefined }) =>
      `The query is wrong at character ${p.offset + 1}: ${p.message}${p.suggestion === undefined ? '' : ` Did you mean "${p.suggestion}"?`}`,
    example: { text: 'powr:running', offset: 0, length: 4, message: 'There is no field "powr".', suggestion: 'power' },
  },
  bad_sort: {
    status: 400,
    text: (p: { field: string; suggestion?: string | undefined }) =>
      `There is no field "${p.field}" to sort by.${p.suggestion === undefined ? '' : ` Did you mean "${p.suggestion}"?`}`,
    example: { field: 'memmory', suggestion: 'memory' },
  },
  bad_cursor: {
    status: 400,
    text: () => 'The cursor does not belong to this list, query and order. Start again without it.',
    example: undefined,
  },
})
export const queryErrors = queryArea.make
