import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { flag, text } from '../schema/fields.ts'

/** An object that a bulk action is, or would be, done with; or why not. */
export const BulkItem = z
  .strictObject({
    id: AnyId,
    name: text('Its name.'),
    task: TaskId.optional().meta({ description: 'Where to follow it.' }),
    refused: z
      .strictObject({ code: text('Stable code.'), message: text('Why not.') })
      .optional()
      .meta({ description: 'Why it is left out.' }),
  })
  .meta({ id: 'BulkItem', description: 'An object of a bulk action.' })
export type BulkItem = z.infer<typeof BulkItem>

export const bulkEndpoints = {
  run: endpoint({
    method: 'POST',
    path: '/bulk',
    summary: 'Do one action with many objects',
    description:
      'Each object is judged by itself, as in the action alone; those that are refused are named with the reason. With `dryRun` nothing is done. The task ends when those of all objects have.',
    input: z.strictObject({
      action: text('Name of the action: vm.start, disk.delete, …').regex(/^[a-z]+\.[a-zA-Z]+$/),
      ids: z.array(AnyId).max(10_000).optional().meta({ description: 'Objects to do it with.' }),
      q: text('Query that finds the objects, in place of ids.').max(4000).optional(),
      input: z
        .record(z.string(), z.unknown())
        .default({})
        .meta({ description: 'Input of the action, the same for all.' }),
      dryRun: flag('Only say what would be done.').default(false),
    }),
    output: z.strictObject({
      task: TaskId.optional().meta({ description: 'The task of them all; absent when nothing is done.' }),
      items: z.array(BulkItem).meta({ description: 'Each object.' }),
      allowed: z.int().nonnegative().meta({ description: 'How many it is done with.', unit: 'count' }),
      refused: z.int().nonnegative().meta({ description: 'How many are left out.', unit: 'count' }),
    }),
    permission: 'any',
    audit: 'bulk.run',
    errors: ['query.invalid', 'bulk.no_such_action', 'bulk.ids_or_query'],
    cli: { verb: 'bulk', args: ['action'], columns: ['allowed', 'refused', 'task'] },
  }),
} as const
