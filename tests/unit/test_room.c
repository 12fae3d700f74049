/* What is said when memory is short, with made numbers. */
#include "train/room.h"

#include <string.h>

#include "base/bytes.h"
#include "ist_test.h"

#define MB (INT64_C(1000000))
#define GB (1000 * MB)

static ist__node two_nodes[2] = {{.os_index = 0}, {.os_index = 1}};
static const ist__machine two = {.node_count = 2, .nodes = two_nodes, .this_system = true};

/* Two nodes of 4 GB with 1.9 GB free and 1 GB of cache each; room for 5.8 GB in all. */
static ist__node_capacity room[2];
static ist__capacity plenty(void)
{
    room[0] = room[1] = (ist__node_capacity){.size = 4 * GB, .room = 1900 * MB, .cache = GB};
    return (ist__capacity){.size = 8 * GB,
                           .room = 5800 * MB,
                           .cgroup = {.limit = -1, .room = -1, .swap = -1, .folder = "/group"},
                           .addresses = -1,
                           .data = -1,
                           .node_count = 2,
                           .nodes = room};
}

static ist__room_verdict judge(const ist__capacity *c, ist__need a, ist__need b, int32_t placement)
{
    const ist__need needs[2] = {a, b};
    return ist__room_judge(c, &two, needs, placement, "this training");
}

#define NEED(...)             ((ist__need){__VA_ARGS__})
#define CHECK_HAS(text, part) CHECK(strstr(text, part) != NULL)

TEST(bytes_are_shown_with_three_digits)
{
    char out[IST__BYTES_TEXT];
    CHECK_STR(ist__show_bytes(out, 0), "0 B");
    CHECK_STR(ist__show_bytes(out, 999), "999 B");
    CHECK_STR(ist__show_bytes(out, 1000), "1.0 kB");
    CHECK_STR(ist__show_bytes(out, 99940), "99.9 kB");
    CHECK_STR(ist__show_bytes(out, 99960), "100 kB");
    CHECK_STR(ist__show_bytes(out, 1900 * MB), "1.9 GB");
    CHECK_STR(ist__show_bytes(out, INT64_MAX), "9.2 EB");
}

TEST(enough_is_no_word)
{
    ist__capacity c = plenty();
    const ist__room_verdict v = judge(&c, NEED(.weights = 1900 * MB), NEED(.data = 1900 * MB), IST_PLACE_STRICT);
    CHECK_EQ(v.kind, IST__ROOM_ENOUGH);
    CHECK_EQ(v.status, IST_OK);
    CHECK_STR(v.line, "");
    for (int i = 0; i < 2; i++) room[i].room = -1; /* unknown is enough */
    c.room = c.size = -1;
    CHECK_EQ(judge(&c, NEED(.weights = 100 * GB), NEED(.data = GB), IST_PLACE_STRICT).kind, IST__ROOM_ENOUGH);
}

TEST(one_node_without_room_spills)
{
    const ist__capacity c = plenty();
    const ist__need much = {.weights = 2 * GB, .data = 800 * MB, .work = 90 * MB, .later = 110 * MB};
    ist__room_verdict v = judge(&c, NEED(.weights = GB), much, IST_PLACE_TRY);
    CHECK_EQ(v.kind, IST__ROOM_SPILLS);
    CHECK_EQ(v.status, IST_OK);
    CHECK_EQ(v.node, 1);
    CHECK_STR(v.line,
              "node 1 has 1.9 GB free of 4.0 GB, this training needs 3.0 GB there (weights 2.0 GB, data 800 MB, "
              "work space 200 MB): pages will spill to other nodes; more subnets, a narrower net or an optimizer "
              "with less state needs less");
    v = judge(&c, NEED(.weights = GB), much, IST_PLACE_STRICT);
    CHECK_EQ(v.kind, IST__ROOM_SPILLS);
    CHECK_EQ(v.status, IST_E_PLACEMENT);
    CHECK(strncmp(v.line, "strict placement: node 1 has 1.9 GB free of 4.0 GB, ", 52) == 0);
    CHECK(strstr(v.line, "will spill") == NULL);
    v = judge(&c, NEED(.weights = GB), much, IST_PLACE_NONE); /* nobody asked for a node */
    CHECK_EQ(v.kind, IST__ROOM_ENOUGH);
}

TEST(the_node_that_lacks_most_is_told_and_the_others_counted)
{
    ist__capacity c = plenty();
    c.room = 100 * GB;
    const ist__room_verdict v = judge(&c, NEED(.data = 5 * GB), NEED(.data = 4 * GB), IST_PLACE_TRY);
    CHECK_EQ(v.node, 0);
    CHECK_HAS(v.line, "needs 5.0 GB there, and so with 1 other: pages will spill");
    CHECK_HAS(v.line, "; data that are shared or sharded need less");
}

TEST(page_cache_in_the_way_is_a_warning_under_strict_too)
{
    const ist__capacity c = plenty();
    const ist__room_verdict v = judge(&c, NEED(.work = 2900 * MB), NEED(.work = GB), IST_PLACE_STRICT);
    CHECK_EQ(v.kind, IST__ROOM_SPILLS);
    CHECK_EQ(v.status, IST_OK);
    CHECK_EQ(v.node, 0);
    CHECK_HAS(v.line,
              ": pages are likely to spill to other nodes; 1.0 GB there are page cache, which Linux keeps: drop");
    CHECK_EQ(judge(&c, NEED(.work = 2901 * MB), NEED(.work = GB), IST_PLACE_STRICT).status, IST_E_PLACEMENT);
}

TEST(the_machine_as_a_whole_has_too_little)
{
    const ist__capacity c = plenty();
    ist__room_verdict v = judge(&c, NEED(.master = 3 * GB, .weights = GB), NEED(.work = 2 * GB), IST_PLACE_TRY);
    CHECK_EQ(v.kind, IST__ROOM_TOO_LITTLE);
    CHECK_EQ(v.status, IST_E_MEMORY);
    CHECK_STR(v.line,
              "not enough memory: this training needs 6.0 GB (master 3.0 GB, weights 1.0 GB, work space 2.0 GB), "
              "there are 5.8 GB of 8.0 GB; a narrower net or an optimizer with less state needs less");
    CHECK_EQ(judge(&c, NEED(.master = 6 * GB), NEED(.work = 0), IST_PLACE_STRICT).status, IST_E_MEMORY);
    v = judge(&c, NEED(.master = 6 * GB), NEED(.work = 0), IST_PLACE_NONE);
    CHECK_EQ(v.kind, IST__ROOM_TOO_LITTLE); /* said, but it is theirs to try */
    CHECK_EQ(v.status, IST_OK);
    CHECK_HAS(v.line, "not enough memory: this training needs 6.0 GB, there are");
    CHECK_HAS(v.line, "; a narrower net needs less");
}

TEST(page_tables_take_room_too)
{
    const ist__capacity c = plenty(); /* 5.8 GB */
    CHECK_EQ(judge(&c, NEED(.work = 2890 * MB), NEED(.work = 2890 * MB), IST_PLACE_TRY).kind, IST__ROOM_SPILLS);
    CHECK_EQ(judge(&c, NEED(.work = 2895 * MB), NEED(.work = 2895 * MB), IST_PLACE_TRY).kind, IST__ROOM_TOO_LITTLE);
}

TEST(swap_space_makes_it_slow_and_not_impossible)
{
    ist__capacity c = plenty();
    c.swap = GB;
    ist__room_verdict v = judge(&c, NEED(.work = 3 * GB), NEED(.work = 3 * GB), IST_PLACE_STRICT);
    CHECK_EQ(v.kind, IST__ROOM_SWAPS);
    CHECK_EQ(v.status, IST_OK);
    CHECK_STR(v.line, "this training needs 6.0 GB, there are 5.8 GB: it will swap, which is very slow; a smaller batch "
                      "needs less");
    v = judge(&c, NEED(.work = 4 * GB), NEED(.work = 3 * GB), IST_PLACE_TRY);
    CHECK_EQ(v.status, IST_E_MEMORY);
    CHECK_HAS(v.line, "there are 5.8 GB of 8.0 GB and swap space of 1.0 GB;");
}

TEST(the_control_group_counts_before_the_machine)
{
    ist__capacity c = plenty();
    c.cgroup.room = 500 * MB;
    c.cgroup.limit = GB;
    ist__room_verdict v = judge(&c, NEED(.work = 600 * MB), NEED(.work = 0), IST_PLACE_TRY);
    CHECK_EQ(v.status, IST_E_MEMORY);
    CHECK_STR(v.line, "not enough memory: this training needs 600 MB, its control group has 500 MB left of 1.0 GB "
                      "(/group); a smaller batch needs less");
    c.swap = 200 * MB; /* the group may swap, as much as there is */
    CHECK_EQ(judge(&c, NEED(.work = 600 * MB), NEED(.work = 0), IST_PLACE_TRY).kind, IST__ROOM_SWAPS);
    c.cgroup.swap = 50 * MB;
    CHECK_EQ(judge(&c, NEED(.work = 600 * MB), NEED(.work = 0), IST_PLACE_TRY).kind, IST__ROOM_TOO_LITTLE);
    CHECK_EQ(judge(&c, NEED(.work = 490 * MB), NEED(.work = 0), IST_PLACE_TRY).kind, IST__ROOM_ENOUGH);
}

TEST(limits_of_the_process_are_named_as_the_shell_names_them)
{
    ist__capacity c = plenty();
    c.addresses = 500 * MB;
    ist__room_verdict v = judge(&c, NEED(.work = 600 * MB), NEED(.work = 0), IST_PLACE_TRY);
    CHECK_EQ(v.status, IST_E_MEMORY);
    CHECK_HAS(v.line, "the limit of address space (ulimit -v) leaves 500 MB");
    c.addresses = -1;
    c.data = 500 * MB;
    v = judge(&c, NEED(.work = 600 * MB), NEED(.work = 0), IST_PLACE_TRY);
    CHECK_EQ(v.status, IST_E_MEMORY);
    CHECK_HAS(v.line, "the limit of data (ulimit -d) leaves 500 MB");
    CHECK_EQ(judge(&c, NEED(.work = 500 * MB), NEED(.work = 0), IST_PLACE_TRY).kind, IST__ROOM_ENOUGH);
}

TEST(one_node_is_the_machine)
{
    ist__capacity c = plenty();
    c.node_count = 1;
    ist__machine one = two;
    one.node_count = 1;
    const ist__need need = {.work = 3 * GB};
    CHECK_EQ(ist__room_judge(&c, &one, &need, IST_PLACE_STRICT, "this model").kind, IST__ROOM_ENOUGH);
}

TEST(the_longest_line_is_cut_and_ended)
{
    ist__capacity c = plenty();
    char who[600];
    memset(who, 'w', sizeof who - 1);
    who[sizeof who - 1] = '\0';
    const ist__need needs[2] = {{.work = 9 * GB}, {.work = 1}};
    const ist__room_verdict v = ist__room_judge(&c, &two, needs, IST_PLACE_TRY, who);
    CHECK_EQ(strlen(v.line), sizeof v.line - 1);
}
