import { Cron } from 'croner'

/** The times of a schedule after a moment: as the server reckons, with the same library. None when the fields are not right. */
export function timesAfter(
  { cron, timeZone }: { readonly cron: string; readonly timeZone?: string | undefined },
  {
    from,
    until = Number.POSITIVE_INFINITY,
    most,
  }: { readonly from: number; readonly until?: number; readonly most: number },
): readonly number[] {
  const times: number[] = []
  try {
    const pattern = new Cron(cron, {
      paused: true,
      ...(timeZone === undefined || timeZone === '' ? {} : { timezone: timeZone }),
    })
    let at = pattern.nextRun(new Date(from))
    while (at && at.getTime() <= until && times.length < most) {
      times.push(at.getTime())
      at = pattern.nextRun(at)
    }
  } catch {
    // Fields that are being typed; the server says what is wrong when they are sent.
  }
  return times
}
