/** Where the peer's figures come from: it cannot be run here. */
export const peerNote =
  'Xen Orchestra (commit 9ef53890b8, Node 24), recorded once in August 2026 on an otherwise quiet machine of the same class (2 virtual CPUs, 24 GiB, Debian 12) with a scripted pool of 10,000 VMs; not run beside ours.'

/** Xen Orchestra's figures at 10,000 VMs, in the units of ours. Ranges are given by the end that is better for it. */
export const xenOrchestra = {
  startSeconds: 4.5,
  idleMemoryMB: 400,
  connectSeconds: 9.7,
  connectCpuSeconds: 7,
  heapKiBPerVm: 22.9,
  /** Four fields, filter by a tag and the power state; all matches, not sorted: it has no paging with an order. */
  listCpuMs: 10.8,
  /** Of one client that waits for each answer. */
  listP99Ms: 22,
  oneCpuMs: 2.2,
  eventP50Ms: 46,
  burstSeconds: 0.5,
  burstCpuSeconds: 0.21,
  idleCpuMsPerSecond: 80,
} as const
