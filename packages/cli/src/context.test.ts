import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'

/** A program that takes some time to clean up once it is asked to end. */
function program(cleaningUp: number) {
  const code = `
    import { processContext } from ${JSON.stringify(new URL('context.ts', import.meta.url).href)}
    const { signal } = processContext()
    signal.addEventListener('abort', () => {
      console.log('asked')
      setTimeout(() => { console.log('cleaned up'); process.exit(3) }, ${cleaningUp})
    })
    setInterval(() => {}, 1000)
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const says = async (text: string): Promise<void> => {
    await expect.poll(() => output, { timeout: 10_000 }).toContain(text)
  }
  return { child, ended, says }
}

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  '%s that comes twice, as to a whole group of processes, lets the program clean up',
  async (name) => {
    const { child, ended, says } = program(300)
    await says('ready')
    child.kill(name)
    await says('asked')
    child.kill(name)
    expect(await ended).toEqual([3, null])
    await says('cleaned up')
  },
)

test.each(['SIGTERM', 'SIGINT'] as const)('%s once more after a while ends the program at once', async (name) => {
  const { child, ended, says } = program(60_000)
  await says('ready')
  child.kill(name)
  await says('asked')
  await setTimeout(1200)
  child.kill(name)
  expect(await ended).toEqual([null, name])
})
