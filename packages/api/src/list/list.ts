import { z } from 'zod'

/** Most items that one answer holds. */
export const maxPage = 1000

/** The query of every list. */
export const listInput = {
  q: z
    .string()
    .optional()
    .meta({
      description: 'Which ones: `power:running tag:prod` (docs/reference/query-language.md).',
      examples: ['power:running memory:>8GiB'],
    }),
  sort: z
    .string()
    .optional()
    .meta({
      description:
        'In which order: fields with a comma between them, `-` before one for descending. By name when left out.',
      examples: ['-memory,name'],
    }),
  limit: z.int().min(1).max(maxPage).default(100).meta({ description: 'Most items in the answer.' }),
  cursor: z.string().max(4096).optional().meta({ description: 'Where to go on: `next` of the answer before.' }),
} as const

/** One page of a list. */
export interface Page<T> {
  readonly items: T[]
  /** Number of all items that match, in all pages. */
  readonly total: number
  /** Cursor of the next page; absent in the last one. */
  readonly next?: string | undefined
}

/** The schema of a page. */
export function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; total: z.ZodInt; next: z.ZodOptional<z.ZodString> }, z.core.$strict> {
  return z.strictObject({
    items: z.array(item),
    total: z.int().meta({ description: 'Number of all items that match, in all pages.' }),
    next: z.string().optional().meta({ description: 'Cursor of the next page; absent in the last one.' }),
  })
}
