import type { CommonFlags } from '../command.ts'
import { connect, plainFailure, type ServerFlags } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { followTask } from './follow-task.ts'
import { idOf } from './names.ts'

/** `nixen task wait` */
export async function waitForTask(
  context: NixenContext,
  flags: CommonFlags & ServerFlags,
  name: string,
): Promise<void> {
  const client = await connect(context, flags)
  try {
    const task = await idOf({ client, signal: context.signal }, 'task', name)
    await followTask(context, client, { task, flags })
  } catch (error) {
    throw plainFailure(error, context.process.env ?? {})
  }
}
