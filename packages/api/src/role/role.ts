import { z } from 'zod'
import { RoleId } from '../ids/own-id.ts'
import { flag, text } from '../schema/fields.ts'

/** Some permissions, on the objects that a query finds. */
export const Grant = z
  .strictObject({
    actions: z
      .array(
        z.string().regex(/^(\*|[a-z-]+:(\*|[a-z-]+)|\*:[a-z-]+)$/, {
          error: 'Not a pattern like vm:start, vm:*, *:read or *.',
        }),
      )
      .min(1)
      .max(200)
      .meta({ description: 'Patterns of permissions: `vm:start`, `vm:*`, `*:read`, `*`.' }),
    scope: text('Which objects: a query. All when left out. Objects that do not have its fields are out of it.')
      .max(4096)
      .optional(),
  })
  .meta({ id: 'Grant', description: 'Some permissions, on the objects that a query finds.' })
export type Grant = z.infer<typeof Grant>

/** What users may do who have it. */
export const Role = z
  .strictObject({
    id: RoleId,
    name: text('Name.'),
    description: text('What it is for.').optional(),
    builtin: flag('Came with Nixen: cannot be changed or deleted.'),
    grants: z.array(Grant),
  })
  .meta({ id: 'Role', description: 'What users may do who have it.' })
export type Role = z.infer<typeof Role>
