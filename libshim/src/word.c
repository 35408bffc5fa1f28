// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Words that every fork wipes, also one that calls no handler (_Fork, clone): in the
 * child they are 0, as when they were new. So what they say is of this process, and a
 * fast path has to look at one such word to know that it is not in a child.
 *
 * They come from pages that are never given back (MADV_WIPEONFORK), each after one that
 * is copied as any other, with a bit for each word that is taken: a child's handles
 * keep theirs. No malloc, for a signal handler may come to need one.
 */
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define PAGE_WORDS	1024

struct page {
	struct page *next;
	uint32_t *words;
	uint64_t taken[PAGE_WORDS / 64];
};

const uint32_t shs_no_mode;
static struct page *pages;

static struct page *new_page(void)
{
	size_t size = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct page *page;

	if (memory == MAP_FAILED)
		return NULL;
	if (madvise(memory + size, size, MADV_WIPEONFORK)) {
		munmap(memory, 2 * size);
		return NULL;
	}
	page = (struct page *)(void *)memory;
	page->words = (uint32_t *)(void *)(memory + size);
	page->next = pages;
	pages = page;
	return page;
}

static uint32_t *take(struct page *page)
{
	for (size_t i = 0; i < PAGE_WORDS / 64; i++) {
		uint64_t bit = ~page->taken[i] & (page->taken[i] + 1);

		if (!bit)
			continue;
		page->taken[i] |= bit;
		return page->words + 64 * i + __builtin_ctzll(bit);
	}
	return NULL;
}

uint32_t *shs_word_new(void)
{
	uint32_t *word = NULL;
	struct page *page;

	for (page = pages; page && !word; page = page->next)
		word = take(page);
	if (word)
		return word;
	page = new_page();
	return page ? take(page) : NULL;
}

void shs_word_free(const uint32_t *word)
{
	struct page *page;
	size_t i;

	for (page = pages; page; page = page->next) {
		i = word - page->words;
		if (word < page->words || i >= PAGE_WORDS)
			continue;
		page->words[i] = 0;
		page->taken[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
}
