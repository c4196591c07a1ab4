tritmill-profile 1
cpu AuthenticAMD 26/2/1 AMD EPYC
caches 49152 1048576 33554432
isas c ssse3 avx2 avxvnni avx512bw avx512vnni avx512vbmi
kernels f71769d452e4a6dc
compiler GNU 12.2.0
made 2026-11-20T10:34:35Z
conditions weights cold, medians of interleaved samples, budget 84 s, M 1,512
limit threads 1 read_gbs 40.133 int8_gmacs 511.814
limit threads 2 read_gbs 49.802 int8_gmacs 1021.810
plan n 2560 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 32.846 spread_us 0.510
plan n 2560 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 6841.349 spread_us 57.598
plan n 2560 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 25.974 spread_us 2.042
plan n 2560 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 3498.601 spread_us 25.062
plan n 2560 k 6912 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 88.495 spread_us 3.837
plan n 2560 k 6912 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 18518.324 spread_us 79.000
plan n 2560 k 6912 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 57.438 spread_us 1.723
plan n 2560 k 6912 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 9222.062 spread_us 51.897
plan n 3840 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 49.672 spread_us 1.232
plan n 3840 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 10402.163 spread_us 46.897
plan n 3840 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 38.937 spread_us 2.684
plan n 3840 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 5561.860 spread_us 70.443
plan n 6912 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 86.780 spread_us 1.790
plan n 6912 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 18338.486 spread_us 70.145
plan n 6912 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 57.130 spread_us 1.460
plan n 6912 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 9892.051 spread_us 66.172
plan n 13824 k 2560 threads 1 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 177.732 spread_us 2.038
plan n 13824 k 2560 threads 1 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_8x32x20__avx512vbmi hash 715421054e3c9a97 mc 192 nc 0 median_us 36926.344 spread_us 174.498
plan n 13824 k 2560 threads 2 phase decode packing t5 act i8 tokens 1 kernel trit_gemv_t5_i8_1x32x20__avx512vbmi_p8u2 hash e91627844e4ca914 mc 0 nc 0 median_us 150.349 spread_us 4.980
plan n 13824 k 2560 threads 2 phase prefill packing t5 act i8 tokens 512 kernel trit_gemm_t5_i8_12x32x20__avx512vbmi hash f49531dbd0dab4d0 mc 0 nc 0 median_us 19397.706 spread_us 63.452
end
