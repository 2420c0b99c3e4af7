/*
 * Pages written in turn: write n, counted from 1, goes to page n % count, its first word and then its
 * last. At one instant all pages follow from the newest number, and only the newest page may have the one
 * without the other. SequenceCheck.java has the same rule.
 */
#ifndef STILLFRAME_SEQUENCE_H
#define STILLFRAME_SEQUENCE_H

#include "common.h"

static inline void write_number(unsigned char *page, uint64_t write) {
    *(volatile uint64_t *)page = write;
    *(volatile uint64_t *)(page + PAGE - sizeof write) = write;
}

#endif
