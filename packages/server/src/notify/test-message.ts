import { htmlPage } from './html.ts'
import { formatTime, type Message } from './message.ts'

/** What the test button sends. */
export function testMessage(channel: string, now: number): Message {
  const subject = 'Nixen: a test'
  const lead = `This is a test of the channel "${channel}", sent on ${formatTime(now)}. Messages of Nixen arrive here.`
  return {
    kind: 'test',
    severity: 'info',
    subject,
    text: `${lead}\n`,
    html: htmlPage({ subject, lead }),
    at: now,
    data: { channel },
  }
}
