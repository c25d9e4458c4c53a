import { catalogue } from '@nixen/core'

/** What can be in the way of a libvirt and a guest of one's own. */
export const labErrors = catalogue('lab', {
  missing: {
    status: 422,
    text: (p: { what: string; packages: string }) => `${p.what} is missing. Install it: apt-get install ${p.packages}`,
  },
  daemon_failed: {
    text: (p: { reason: string }) => `libvirtd does not start: ${p.reason}`,
  },
})
