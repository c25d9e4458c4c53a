import { z } from 'zod'
import { RepositoryId } from '../ids/own-id.ts'
import { Retention } from '../repository/inputs.ts'
import { text } from '../schema/fields.ts'

/** Work of a job that keeps restore points of one repository in others too. */
export const MirrorWork = z.strictObject({
  kind: z.literal('mirror'),
  from: RepositoryId.meta({ description: 'Where they are.' }),
  to: z
    .array(RepositoryId)
    .min(1)
    .max(10)
    .meta({ description: 'Where they go; only what is missing there is copied.' }),
  q: text('Query of restore points that are meant: "name:web-*", "tag:prod"; all when left out.').max(4000).optional(),
  keep: Retention.optional().meta({
    description:
      'What the targets keep of what this job brought, VM by VM, where its schedule says nothing; everything when left out. What would be forgotten at once is not copied.',
  }),
})
export type MirrorWork = z.infer<typeof MirrorWork>
