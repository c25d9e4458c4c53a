import { intlLocale } from './locale.ts'
import { counting, type Counting } from './plural.ts'

/** Counting of the English messages: with the numbers as the region of the browser writes them. */
export const count: Counting = counting(intlLocale?.startsWith('en') === true ? intlLocale : 'en')
