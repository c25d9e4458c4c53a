/**
 * CPU time in milliseconds that this process takes for some work, all of its threads together. Tests that bound what hostile input costs
 * measure this instead of the time on the clock, which says more about what else the machine does.
 */
export async function cpuTimeOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
