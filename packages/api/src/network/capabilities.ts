import { capabilities } from '../capability/capabilities.ts'
import type { Network } from './network.ts'

/** What may be done with a network, and why not. */
export const networkCan = capabilities<Network>()({
  update: [],
  delete: [
    {
      when: (network) => network.nics === 0,
      otherwise: (network) => `${network.nics} NICs of VMs are on it. Move them to another network first.`,
    },
    {
      when: (network) => network.default !== true,
      otherwise: 'New VMs are plugged in here. Choose another default first.',
    },
  ],
})
export type NetworkAction = keyof typeof networkCan
