import { requestErrors, transferErrors, type TaskId, type TaskRef } from '@nixen/api'
import { Channel, raceSignal } from '@nixen/core'
import type { ActionResult, ActionTask } from '@nixen/providers'
import { StreamAnswer, type RequestInfo } from '../../http/handler.ts'
import type { TaskRequest, Tasks } from '../../tasks/tasks.ts'
import { YoungGarbage } from './young-garbage.ts'

/** Does a task to its end. @throws what it failed with */
export async function runToEnd(
  tasks: Tasks,
  request: TaskRequest,
  work: (task: ActionTask) => Promise<ActionResult>,
): Promise<TaskRef> {
  let failure: { readonly error: unknown } | undefined
  const { id } = await tasks.run(request, async (task) => {
    try {
      return await work(task)
    } catch (error) {
      failure = { error }
      throw error
    }
  })
  await tasks.ended(id)
  if (failure) throw failure.error
  return { task: id }
}

/** A file that a task makes. */
export interface Outgoing {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Exactly so many bytes, where that is known. */
  readonly length?: number | undefined
}

export interface DownloadRequest {
  readonly request: TaskRequest
  /** Name of the file. */
  readonly name: string
  readonly type: string
  readonly info: RequestInfo
}

/** Parts that wait for the client; each a few hundred KiB. */
const ahead = 2

/**
 * Gives a file while a task makes it. What goes wrong before its first byte is an answer; after it the connection breaks. The task ends when the
 * client has all, and fails when the client goes away.
 */
export async function giveDownload(
  tasks: Tasks,
  { request, name, type, info }: DownloadRequest,
  make: (task: ActionTask) => Promise<Outgoing>,
): Promise<StreamAnswer> {
  const channel = new Channel<Uint8Array>(ahead)
  const begun = Promise.withResolvers<{ readonly length: number | undefined }>()
  const delivered = Promise.withResolvers<boolean>()
  const { id } = await tasks.run(request, async (task) => {
    try {
      const { bytes, length } = await make(task)
      let done = 0
      const garbage = new YoungGarbage()
      for await (const part of bytes) {
        begun.resolve({ length })
        await raceSignal(channel.push(part), task.signal)
        done += part.length
        task.bytes(done, length)
        garbage.passed(part.length)
      }
      begun.resolve({ length })
      channel.close()
      if (!(await raceSignal(delivered.promise, task.signal))) {
        throw transferErrors.cut({ what: 'The download', received: done })
      }
      return {}
    } catch (error) {
      begun.reject(error)
      channel.close(error)
      throw error
    }
  })
  const stop = (): void => tasks.cancelIfRunning(id)
  if (info.signal.aborted) stop()
  info.signal.addEventListener('abort', stop, { once: true })
  const { length } = await begun.promise
  return new StreamAnswer(deliver(channel, delivered.resolve), {
    type,
    compress: false,
    headers: headersOf(id, { name, length }),
  })
}

async function* deliver(channel: Channel<Uint8Array>, tell: (whole: boolean) => void): AsyncGenerator<Uint8Array> {
  let whole = false
  try {
    yield* channel
    whole = true
  } finally {
    tell(whole)
  }
}

function headersOf(
  task: TaskId,
  { name, length }: { readonly name: string; readonly length: number | undefined },
): Readonly<Record<string, string>> {
  // RFC 8187; separators of paths make no sense in the name of a file.
  const safe = encodeURIComponent(name.replaceAll(/[/\\\0]/g, '_')).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return {
    'nixen-task': task,
    'content-disposition': `attachment; filename*=UTF-8''${safe}`,
    ...(length === undefined ? {} : { 'content-length': String(length) }),
  }
}

/** The body of a request as a file that comes in. @throws request.not_a_file */
export function bodyOf({ body }: RequestInfo): NonNullable<RequestInfo['body']> {
  if (!body) throw requestErrors.not_a_file()
  return body
}
