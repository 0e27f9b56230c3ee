/* SPDX-License-Identifier: MIT */
/* replay.c - run a fuzz target over files, without a fuzzer.
 *
 *     fuzz_load_replay MUTATIONS FILE-OR-DIRECTORY...
 *
 * Each file is tried as it is and MUTATIONS times with a few bytes changed or cut off, by a
 * generator whose seed is the file's place in the list: a failure comes again. Fails when it finds
 * no file. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    unsigned long mutations;
    unsigned long files;
    unsigned long runs;
} replay;

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void run_mutations(replay *run, const uint8_t *data, size_t size)
{
    uint64_t state = run->files;
    uint8_t *copy = malloc(size);
    for (unsigned long i = 0; copy != NULL && size > 0 && i < run->mutations; i++) {
        memcpy(copy, data, size);
        for (uint64_t changes = 1 + next_random(&state) % 4; changes > 0; changes--) {
            uint64_t random = next_random(&state);
            copy[random % size] = (uint8_t)(random >> 56);
        }
        size_t length = next_random(&state) % 16 == 0 ? next_random(&state) % size : size;
        LLVMFuzzerTestOneInput(copy, length);
        run->runs++;
    }
    free(copy);
}

static int run_file(replay *run, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        return 1;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    size_t got = data == NULL ? 0 : fread(data, 1, size, file);
    fclose(file);
    if (data == NULL || got != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(data);
        return 1;
    }
    run->files++;
    run->runs++;
    LLVMFuzzerTestOneInput(data, size);
    run_mutations(run, data, size);
    free(data);
    return 0;
}

static int run_directory(replay *run, const char *path, DIR *directory)
{
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name) {
            fprintf(stderr, "%s: name too long\n", path);
            failed = 1;
        } else {
            failed |= run_file(run, name);
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s MUTATIONS FILE-OR-DIRECTORY...\n", argv[0]);
        return 2;
    }
    replay run = {.mutations = strtoul(argv[1], NULL, 10)};
    int failed = 0;
    for (int i = 2; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        if (directory == NULL && errno != ENOTDIR) {
            perror(argv[i]);
            failed = 1;
        } else if (directory == NULL) {
            failed |= run_file(&run, argv[i]);
        } else {
            failed |= run_directory(&run, argv[i], directory);
            closedir(directory);
        }
    }
    printf("%lu files, %lu runs\n", run.files, run.runs);
    return failed != 0 || run.files == 0;
}
