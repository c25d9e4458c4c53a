import type { MethodSet } from '../dispatch/methods.ts'
import { event } from './event.ts'
import { message } from './message.ts'
import { session } from './session.ts'
import { task } from './task.ts'

/** What the toolstack does beyond what follows from the data model. */
export const classes: readonly MethodSet[] = [session, event, task, message]
