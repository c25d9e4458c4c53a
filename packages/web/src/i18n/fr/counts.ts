import { counting, type Counting } from '../plural.ts'

export const count: Counting = counting('fr')
